import type { ChannelDetail } from '../../../src/api.ts'
import { useState } from 'preact/hooks'
import { Link } from 'wouter-preact'
import { query } from '../api/client.ts'
import { useChannel, useMe } from '../api/queries.ts'
import { useT } from '../i18n/translate.tsx'
import { type TailRow, useTail } from '../live/use-tail.ts'
import { MessageForm } from '../schema/message-form.tsx'
import { SchemaTable } from '../schema/schema-table.tsx'
import { useFormat } from '../ui/format.ts'
import { StateOf } from '../ui/health.tsx'
import { prettyJson } from '../ui/json-text.ts'
import { Loaded } from '../ui/loaded.tsx'
import { Card, Empty, Figures, Page, Pairs } from '../ui/page.tsx'
import { Plot } from '../ui/plot.tsx'
import { Table } from '../ui/table.tsx'
import { When } from '../ui/when.tsx'

export function Channel({ name }: { readonly name: string }) {
  const t = useT()
  const channel = useChannel(name)
  return (
    <Page title={name} kind={t('channel.kind')} lead={channel.data?.description}>
      <Loaded query={channel}>{(data) => <Seen channel={data} />}</Loaded>
    </Page>
  )
}

function Seen({ channel }: { readonly channel: ChannelDetail }) {
  const t = useT()
  const format = useFormat()
  const { history } = channel
  return (
    <>
      <Figures
        rows={[
          { label: t('channel.rate'), value: format.rate(channel.publishedPerSecond), unit: t('unit.perSecond') },
          { label: t('channel.stored'), value: format.count(channel.messages), unit: t('unit.messages') },
          {
            label: t('overview.deadLetters'),
            value: (
              <Link href={`/dead-letters${query({ channel: channel.name })}`}>{format.count(channel.deadLetters)}</Link>
            ),
          },
          { label: t('channel.largest'), value: format.bytes(channel.maxMessageBytes) },
        ]}
      />
      <div class="columns">
        <Card title={t('channel.about')}>
          <Pairs
            rows={[
              [t('channel.owner'), channel.owner],
              [t('channel.version'), String(channel.version)],
              [t('channel.compatibility'), t(`compatibility.${channel.compatibility}`)],
              [t('channel.subject'), <code key="subject">{channel.subject}</code>],
              [
                t('channel.stream'),
                <Link key="stream" href="/streams">
                  {channel.stream}
                </Link>,
              ],
              [t('channel.publishers'), channel.publishers.join(', ') || t('none')],
              [t('channel.readers'), [...channel.readers, ...channel.hearers].join(', ') || t('none')],
            ]}
          />
        </Card>
        <Card title={t('channel.publishedLastHour')}>
          {history.atMs.length > 1 ? (
            <Plot
              label={t('channel.publishedLastHour')}
              summary={t('rate', { rate: format.rate(channel.publishedPerSecond) })}
              atMs={history.atMs}
              lines={[{ label: t('channel.rate'), values: history.publishedPerSecond, ink: 1, format: format.rate }]}
            />
          ) : (
            <Empty title={t('plot.empty')}>{t('plot.emptyHint')}</Empty>
          )}
        </Card>
      </div>
      <Card title={t('channel.handlers')} flush>
        {channel.handlers.length === 0 ? (
          <Empty title={t('channel.noHandlers')}>{t('channel.noHandlersHint')}</Empty>
        ) : (
          <Table
            caption={t('channel.handlers')}
            rows={channel.handlers}
            keyOf={({ consumer }) => consumer}
            columns={[
              {
                label: t('consumer.kind'),
                heads: true,
                cell: ({ stream, consumer }) => <Link href={`/consumers/${stream}/${consumer}`}>{consumer}</Link>,
              },
              { label: t('consumer.state'), cell: ({ state, health }) => <StateOf state={state} health={health} /> },
              {
                label: t('consumer.rate'),
                number: true,
                cell: ({ handledPerSecond }) => t('rate', { rate: format.rate(handledPerSecond) }),
              },
              { label: t('consumer.lag'), number: true, cell: ({ lag }) => format.count(lag) },
              { label: t('overview.deadLetters'), number: true, cell: ({ deadLetters }) => format.count(deadLetters) },
            ]}
          />
        )}
      </Card>
      <Tail channel={channel} />
      <Card title={t('channel.schema')} flush>
        <SchemaTable caption={t('channel.schema')} schema={channel.schema} sensitive={channel.sensitive} />
      </Card>
      <div class="columns">
        <Card title={t('channel.example')}>
          {channel.example === null ? (
            <Empty title={t('channel.noExample')}>{t('channel.noExampleHint')}</Empty>
          ) : (
            <pre class="text-of-others" tabIndex={0}>
              {prettyJson(channel.example)}
            </pre>
          )}
        </Card>
        {channel.mayPublish && (
          <Card title={t('publish.title')} aside={t('publish.aside')}>
            <MessageForm channel={channel} />
          </Card>
        )}
      </div>
    </>
  )
}

function Tail({ channel }: { readonly channel: ChannelDetail }) {
  const t = useT()
  const me = useMe()
  const [running, setRunning] = useState(true)
  const [reveal, setReveal] = useState(false)
  const url = `/api/channels/${encodeURIComponent(channel.name)}/tail${query({ reveal: reveal || undefined })}`
  const { rows, lost } = useTail(url, running)
  const mayReveal = channel.sensitive.length > 0 && me.data?.role === 'operator'
  return (
    <Card
      title={t('tail.title')}
      flush
      aside={
        <div class="row">
          {lost && running && <span role="status">{t('tail.lost')}</span>}
          {mayReveal && (
            <label>
              <input type="checkbox" checked={reveal} onChange={() => setReveal(!reveal)} /> {t('reveal')}
            </label>
          )}
          <button type="button" class="button compact" onClick={() => setRunning(!running)}>
            {running ? t('tail.pause') : t('tail.resume')}
          </button>
        </div>
      }
    >
      {rows.length === 0 ? (
        <Empty title={running ? t('tail.empty') : t('tail.paused')}>{t('tail.emptyHint')}</Empty>
      ) : (
        <ol class="tail" tabIndex={0} aria-label={t('tail.title')}>
          {rows.map((row, index) => (
            <Row key={'seq' in row.row ? row.row.seq : `${row.kind} ${rows.length - index}`} {...row} />
          ))}
        </ol>
      )}
    </Card>
  )
}

function Row({ kind, row }: TailRow) {
  const t = useT()
  const format = useFormat()
  if (kind === 'gap') return <li class="soft">{t('tail.gap', { from: row.from, to: row.to })}</li>
  if (kind === 'skipped') return <li class="soft">{t('tail.skipped', { count: format.count(row.count) })}</li>
  return (
    <li>
      <span class="small soft">
        <Link href={`/messages${query({ q: row.id ?? undefined })}`}>#{row.seq}</Link> <When atMs={row.storedAtMs} />
      </span>
      {kind === 'message' ? (
        <code>{JSON.stringify(row.body)}</code>
      ) : (
        <span>
          <span class="chip bad">{t('tail.invalid')}</span> <code>{row.text ?? t('hidden')}</code>
        </span>
      )}
    </li>
  )
}
