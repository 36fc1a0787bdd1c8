import type { ScheduledMessage } from '../../../src/api.ts'
import { useSchedules } from '../api/queries.ts'
import { useT } from '../i18n/translate.tsx'
import { useFormat } from '../ui/format.ts'
import { Loaded } from '../ui/loaded.tsx'
import { Card, Empty, Page } from '../ui/page.tsx'
import { Table } from '../ui/table.tsx'
import { When } from '../ui/when.tsx'

export function Schedules() {
  const t = useT()
  const schedules = useSchedules()
  return (
    <Page title={t('schedules.title')} lead={t('schedules.lead')}>
      <Loaded query={schedules}>
        {({ channels }) => {
          if (channels.every(({ waiting }) => waiting.length === 0)) {
            return (
              <div class="card">
                <Empty title={t('schedules.empty')}>{t('schedules.emptyHint')}</Empty>
              </div>
            )
          }
          return (
            <>
              {channels.map(({ channel, scheduledBy, waiting, more }) => (
                <Card key={channel} title={channel} aside={t('schedules.by', { app: scheduledBy ?? t('none') })} flush>
                  <Table
                    caption={channel}
                    rows={waiting}
                    keyOf={({ id }) => id}
                    columns={[
                      { label: t('schedules.id'), heads: true, cell: ({ id }) => <span class="breaks">{id}</span> },
                      { label: t('schedules.next'), cell: (one) => <Next one={one} /> },
                      { label: t('schedules.since'), cell: ({ scheduledAtMs }) => <When atMs={scheduledAtMs} /> },
                      {
                        label: t('schedules.message'),
                        cell: ({ body }) => <code class="breaks">{JSON.stringify(body)}</code>,
                      },
                    ]}
                  />
                  {more && <div class="empty">{t('schedules.more')}</div>}
                </Card>
              ))}
            </>
          )
        }}
      </Loaded>
    </Page>
  )
}

function Next({ one: { atMs, everyMs, cron, timeZone } }: { readonly one: ScheduledMessage }) {
  const t = useT()
  const format = useFormat()
  if (everyMs !== null) return <>{t('schedules.every', { time: format.duration(everyMs) })}</>
  if (cron !== null) {
    return (
      <>
        <code>{cron}</code> <span class="small soft">{timeZone}</span>
      </>
    )
  }
  return <time dateTime={new Date(atMs ?? 0).toISOString()}>{format.at(atMs ?? 0)}</time>
}
