import type { LetterDetail } from '../../../src/api.ts'
import { useState } from 'preact/hooks'
import { Link } from 'wouter-preact'
import { query } from '../api/client.ts'
import { useLetter, useMe } from '../api/queries.ts'
import { useT } from '../i18n/translate.tsx'
import { type Action, ActDialog } from '../letters/act-dialog.tsx'
import { useReason } from '../letters/use-reason.ts'
import { useFormat } from '../ui/format.ts'
import { prettyText } from '../ui/json-text.ts'
import { Loaded } from '../ui/loaded.tsx'
import { Card, Empty, Page, Pairs } from '../ui/page.tsx'
import { Table } from '../ui/table.tsx'
import { When } from '../ui/when.tsx'
import { Actions } from './dead-letters.tsx'

export function Letter({ stream, seq }: { readonly stream: string; readonly seq: string }) {
  const t = useT()
  const [reveal, setReveal] = useState(false)
  const [acting, setActing] = useState<Action>()
  const letter = useLetter(stream, seq, reveal)
  return (
    <Page
      title={t('letter.title', { seq })}
      kind={t('letters.title')}
      actions={letter.data && <Actions onAct={setActing} />}
    >
      <Loaded query={letter}>
        {(data) => <Seen letter={data} reveal={reveal} onReveal={() => setReveal(!reveal)} />}
      </Loaded>
      {acting && (
        <ActDialog action={acting} filter={{ stream }} seqs={[Number(seq)]} onClose={() => setActing(undefined)} />
      )}
    </Page>
  )
}

interface SeenProps {
  readonly letter: LetterDetail
  readonly reveal: boolean
  readonly onReveal: () => void
}

function Seen({ letter, reveal, onReveal }: SeenProps) {
  const t = useT()
  const reason = useReason()
  const format = useFormat()
  const me = useMe()
  const { body } = letter
  const isHidden = body.text === null || body.hidden.length > 0
  return (
    <>
      <p class="failure error-text">{letter.error || reason(letter.reason)}</p>
      <div class="columns">
        <Card title={t('letter.what')}>
          <Pairs
            rows={[
              [t('letter.reason'), reason(letter.reason)],
              [
                t('consumer.kind'),
                <Link key="consumer" href={`/consumers/${letter.stream}/${letter.consumer}`}>
                  {letter.consumer}
                </Link>,
              ],
              [
                t('channel.kind'),
                <Link key="channel" href={`/channels/${letter.channel}`}>
                  {letter.channel}
                </Link>,
              ],
              [t('letter.stored'), <When key="stored" atMs={letter.storedAtMs} />],
              [t('letter.deliveries'), format.count(letter.deliveries)],
              [t('letter.redrives'), format.count(letter.redrives)],
              [t('letter.size'), format.bytes(letter.size)],
              ...(letter.lost ? ([[t('letter.original'), t('letter.lost')]] as const) : []),
            ]}
          />
        </Card>
        <Card title={t('letter.origin')}>
          <Pairs
            rows={[
              [t('letter.originalSeq'), `${letter.stream}:${letter.originalSeq}`],
              [
                t('message.id'),
                letter.messageId ? (
                  <Link key="id" href={`/messages${query({ q: letter.messageId })}`}>
                    {letter.messageId}
                  </Link>
                ) : (
                  t('none')
                ),
              ],
              [
                t('message.requestId'),
                letter.requestId ? (
                  <Link key="request" href={`/messages${query({ q: letter.requestId })}`}>
                    {letter.requestId}
                  </Link>
                ) : (
                  t('none')
                ),
              ],
              [t('letter.trace'), letter.traceId ? <code key="trace">{letter.traceId}</code> : t('none')],
            ]}
          />
        </Card>
      </div>
      {letter.issues.length > 0 && (
        <Card title={t('letter.issues')} flush>
          <Table
            caption={t('letter.issues')}
            rows={letter.issues}
            keyOf={({ path, code, message }) => `${path} ${code} ${message}`}
            columns={[
              { label: t('letter.path'), heads: true, cell: ({ path }) => <code>{path || '/'}</code> },
              { label: t('letter.issue'), cell: ({ message }) => message },
            ]}
          />
        </Card>
      )}
      <Card
        title={t('letter.body')}
        aside={
          <div class="row">
            {body.encoding === 'base64' && t('letter.base64')}
            {isHidden && !reveal && t('letter.someHidden')}
            {me.data?.role === 'operator' && (isHidden || reveal) && (
              <label>
                <input type="checkbox" checked={reveal} onChange={onReveal} /> {t('reveal')}
              </label>
            )}
          </div>
        }
      >
        {body.text === null ? (
          <Empty title={t('hidden')}>{t('letter.hiddenHint')}</Empty>
        ) : body.text === '' ? (
          <Empty title={t('letter.emptyBody')} />
        ) : (
          <pre class="text-of-others" tabIndex={0} aria-label={t('letter.body')}>
            {body.isJson ? prettyText(body.text) : body.text}
          </pre>
        )}
      </Card>
      <Card title={t('letter.headers')} flush>
        <Table
          caption={t('letter.headers')}
          rows={letter.headers.map(([name, value], index) => ({ name, value, index }))}
          keyOf={({ index }) => index}
          columns={[
            { label: t('letter.header'), heads: true, cell: ({ name }) => <code>{name}</code> },
            { label: t('letter.value'), cell: ({ value }) => <code>{value}</code> },
          ]}
        />
      </Card>
      {letter.others.length > 0 && (
        <Card title={t('letter.others')} flush>
          <Table
            caption={t('letter.others')}
            rows={letter.others}
            keyOf={({ seq }) => seq}
            columns={[
              {
                label: t('letter.number'),
                heads: true,
                cell: ({ stream, seq }) => <Link href={`/dead-letters/${stream}/${seq}`}>#{seq}</Link>,
              },
              { label: t('letter.error'), cell: ({ error }) => error },
              { label: t('letter.stored'), cell: ({ storedAtMs }) => <When atMs={storedAtMs} /> },
            ]}
          />
        </Card>
      )}
    </>
  )
}
