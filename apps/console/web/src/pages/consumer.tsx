import type { ConsumerDetail } from '../../../src/api.ts'
import { Link } from 'wouter-preact'
import { query } from '../api/client.ts'
import { useConsumer } from '../api/queries.ts'
import { useT } from '../i18n/translate.tsx'
import { useFormat } from '../ui/format.ts'
import { StateOf } from '../ui/health.tsx'
import { shortValue } from '../ui/json-text.ts'
import { Loaded } from '../ui/loaded.tsx'
import { Card, Empty, Figures, Page, Pairs } from '../ui/page.tsx'
import { Plot } from '../ui/plot.tsx'
import { Table } from '../ui/table.tsx'
import { When } from '../ui/when.tsx'
import { Problems } from './overview.tsx'

export function Consumer({ stream, consumer }: { readonly stream: string; readonly consumer: string }) {
  const t = useT()
  const detail = useConsumer(stream, consumer)
  return (
    <Page
      title={consumer}
      kind={t('consumer.kind')}
      actions={detail.data && <StateOf state={detail.data.state} health={detail.data.health} />}
    >
      <Loaded query={detail}>{(data) => <Seen detail={data} />}</Loaded>
    </Page>
  )
}

function Seen({ detail }: { readonly detail: ConsumerDetail }) {
  const t = useT()
  const format = useFormat()
  const { history } = detail
  return (
    <>
      <Figures
        rows={[
          { label: t('consumer.lag'), value: format.count(detail.lag), unit: t('unit.messages') },
          { label: t('consumer.rate'), value: format.rate(detail.handledPerSecond), unit: t('unit.perSecond') },
          { label: t('consumer.ackPending'), value: format.count(detail.ackPending) },
          { label: t('consumer.redelivered'), value: format.count(detail.redelivered) },
          {
            label: t('overview.deadLetters'),
            value: (
              <Link href={`/dead-letters${query({ stream: detail.stream, consumer: detail.consumer })}`}>
                {format.count(detail.deadLetters)}
              </Link>
            ),
          },
        ]}
      />
      {detail.problems.length > 0 && (
        <Card title={t('overview.problems')} flush>
          <Problems problems={detail.problems} />
        </Card>
      )}
      <Card title={t('consumer.lastHour')}>
        {history.atMs.length > 1 ? (
          <Plot
            label={t('consumer.lastHour')}
            summary={t('consumer.plotSummary', {
              lag: format.count(detail.lag),
              rate: format.rate(detail.handledPerSecond),
            })}
            atMs={history.atMs}
            lines={[
              { label: t('consumer.lag'), values: history.lag, ink: 1, format: format.count },
              { label: t('consumer.ackPending'), values: history.ackPending, ink: 3, format: format.count },
              {
                label: t('consumer.ratePerSecond'),
                values: history.handledPerSecond,
                ink: 2,
                axis: 'right',
                format: format.rate,
              },
            ]}
          />
        ) : (
          <Empty title={t('plot.empty')}>{t('plot.emptyHint')}</Empty>
        )}
      </Card>
      <div class="columns">
        <Card title={t('consumer.position')}>
          <Pairs
            rows={[
              [t('consumer.app'), detail.app],
              [
                t('channel.kind'),
                <Link key="channel" href={`/channels/${detail.channel}`}>
                  {detail.channel}
                </Link>,
              ],
              [
                t('channel.stream'),
                <Link key="stream" href="/streams">
                  {detail.stream}
                </Link>,
              ],
              [t('consumer.oldestUnread'), <When key="oldest" atMs={detail.oldestUnreadMs} />],
              [t('consumer.lastDelivered'), <When key="last" atMs={detail.lastDeliveredMs} />],
              [t('consumer.deliveredSeq'), format.count(detail.deliveredSeq)],
              [t('consumer.ackFloor'), format.count(detail.ackFloorSeq)],
              [t('consumer.redriving'), format.count(detail.redriving)],
              [t('consumer.created'), <When key="created" atMs={detail.createdAtMs} />],
            ]}
          />
        </Card>
        <Card
          title={t('consumer.configuration')}
          flush
          aside={
            detail.configuration.some(({ differs }) => differs) ? t('consumer.someDiffer') : t('consumer.asDeclared')
          }
        >
          <Table
            caption={t('consumer.configuration')}
            rows={detail.configuration}
            keyOf={({ field }) => field}
            columns={[
              { label: t('configuration.field'), heads: true, cell: ({ field }) => <code>{field}</code> },
              { label: t('configuration.live'), cell: ({ live }) => <code>{shortValue(live)}</code> },
              {
                label: t('configuration.declared'),
                cell: ({ declared, differs }) =>
                  differs ? (
                    <span class="chip differs">≠ {shortValue(declared)}</span>
                  ) : declared === undefined ? (
                    <span class="soft">{t('configuration.open')}</span>
                  ) : (
                    <code>{shortValue(declared)}</code>
                  ),
              },
            ]}
          />
        </Card>
      </div>
    </>
  )
}
