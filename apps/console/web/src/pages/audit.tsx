import type { AuditRecord } from '../../../src/api.ts'
import { useAudit } from '../api/queries.ts'
import { useT } from '../i18n/translate.tsx'
import { Loaded } from '../ui/loaded.tsx'
import { Card, Empty, Page } from '../ui/page.tsx'
import { Table } from '../ui/table.tsx'
import { When } from '../ui/when.tsx'

const chips: Readonly<Record<AuditRecord['outcome'], string>> = {
  begun: '',
  done: 'same',
  failed: 'bad',
  refused: 'bad',
  stopped: 'differs',
}

export function Audit() {
  const t = useT()
  const audit = useAudit()
  return (
    <Page title={t('audit.title')} lead={t('audit.lead')}>
      <Loaded query={audit}>
        {({ pages }) => {
          const records = pages.flatMap((page) => page.records)
          if (records.length === 0) {
            return (
              <div class="card">
                <Empty title={t('audit.empty')}>{t('audit.emptyHint')}</Empty>
              </div>
            )
          }
          return (
            <Card title={t('audit.records')} flush>
              <Table
                caption={t('audit.records')}
                rows={records}
                keyOf={({ seq }) => seq}
                columns={[
                  { label: t('audit.at'), cell: ({ atMs }) => <When atMs={atMs} /> },
                  {
                    label: t('audit.who'),
                    heads: true,
                    cell: ({ who, role }) => (
                      <>
                        {who} <span class="chip">{t(`role.${role}`)}</span>
                      </>
                    ),
                  },
                  { label: t('audit.action'), cell: ({ action }) => t(`audit.action.${action}`) },
                  { label: t('audit.target'), cell: ({ target }) => <span class="breaks">{target || '–'}</span> },
                  {
                    label: t('audit.outcome'),
                    cell: ({ outcome, detail }) => (
                      <>
                        <span class={`chip ${chips[outcome]}`}>{t(`audit.outcome.${outcome}`)}</span>{' '}
                        <span class="small soft">{detail}</span>
                      </>
                    ),
                  },
                  { label: t('audit.from'), cell: ({ from }) => <span class="nowrap">{from}</span> },
                ]}
              />
              {audit.hasNextPage && (
                <div class="empty">
                  <button
                    type="button"
                    class="button"
                    disabled={audit.isFetchingNextPage}
                    onClick={() => void audit.fetchNextPage()}
                  >
                    {t('more')}
                  </button>
                </div>
              )}
            </Card>
          )
        }}
      </Loaded>
    </Page>
  )
}
