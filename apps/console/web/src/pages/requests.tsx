import { useRequests } from '../api/queries.ts'
import { useT } from '../i18n/translate.tsx'
import { SchemaTable } from '../schema/schema-table.tsx'
import { useFormat } from '../ui/format.ts'
import { Health } from '../ui/health.tsx'
import { Loaded } from '../ui/loaded.tsx'
import { Card, Empty, Page, Pairs } from '../ui/page.tsx'

export function Requests() {
  const t = useT()
  const format = useFormat()
  const requests = useRequests()
  return (
    <Page title={t('requests.title')} lead={t('requests.lead')}>
      <Loaded query={requests}>
        {(data) =>
          data.requests.length === 0 ? (
            <div class="card">
              <Empty title={t('requests.empty')}>{t('requests.emptyHint')}</Empty>
            </div>
          ) : (
            <>
              {data.requests.map((request) => (
                <Card key={request.name} title={request.name} aside={<code>{request.subject}</code>}>
                  <div class="stack">
                    <p>{request.description}</p>
                    <Pairs
                      rows={[
                        [
                          t('requests.answeredBy'),
                          request.answeredBy ?? <Health key="none" level="warning" label={t('requests.noAnswerer')} />,
                        ],
                        [t('requests.askedBy'), request.askedBy.join(', ') || t('none')],
                        [t('requests.timeout'), format.duration(request.timeoutMs)],
                        [t('channel.owner'), request.owner],
                        [t('channel.version'), String(request.version)],
                        [t('requests.errors'), request.errors.join(', ') || t('none')],
                      ]}
                    />
                    <details>
                      <summary>{t('requests.request')}</summary>
                      <SchemaTable caption={t('requests.request')} schema={request.request} />
                    </details>
                    <details>
                      <summary>{t('requests.response')}</summary>
                      <SchemaTable caption={t('requests.response')} schema={request.response} />
                    </details>
                  </div>
                </Card>
              ))}
            </>
          )
        }
      </Loaded>
    </Page>
  )
}
