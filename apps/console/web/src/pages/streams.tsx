import type { StreamDetail } from '../../../src/api.ts'
import { useStreams } from '../api/queries.ts'
import { type Translate, useT } from '../i18n/translate.tsx'
import { Command } from '../ui/command.tsx'
import { type Format, useFormat } from '../ui/format.ts'
import { Health } from '../ui/health.tsx'
import { shortValue } from '../ui/json-text.ts'
import { Loaded } from '../ui/loaded.tsx'
import { Card, Empty, Page } from '../ui/page.tsx'
import { Table } from '../ui/table.tsx'
import { When } from '../ui/when.tsx'

export function Streams() {
  const t = useT()
  const streams = useStreams()
  return (
    <Page title={t('streams.title')} lead={t('streams.lead')}>
      <Loaded query={streams}>{(data) => <Seen streams={data.streams} />}</Loaded>
    </Page>
  )
}

function Seen({ streams }: { readonly streams: readonly StreamDetail[] }) {
  const t = useT()
  const format = useFormat()
  const changed = streams.filter(({ plan }) => plan.action !== 'none')
  if (streams.length === 0) {
    return (
      <div class="card">
        <Empty title={t('streams.empty')}>{t('streams.emptyHint')}</Empty>
      </div>
    )
  }
  return (
    <>
      <Card title={t('streams.list')} flush>
        <Table
          caption={t('streams.list')}
          rows={streams}
          keyOf={({ name }) => name}
          columns={[
            {
              label: t('streams.name'),
              heads: true,
              cell: ({ name, kind, channels }) => (
                <>
                  <span class="breaks">{name}</span>
                  <div class="small soft">
                    {kind === 'channels'
                      ? channels.join(', ') || t('streams.kind.channels')
                      : t(`streams.kind.${kind}`)}
                  </div>
                </>
              ),
            },
            { label: t('streams.fill'), cell: (stream) => <Fill stream={stream} /> },
            { label: t('streams.messages'), number: true, cell: ({ messages }) => format.count(messages) },
            { label: t('streams.bytes'), number: true, cell: ({ bytes }) => format.bytes(bytes) },
            { label: t('streams.limits'), cell: (stream) => limitsOf(t, format, stream) },
            { label: t('streams.oldest'), cell: ({ oldestMs }) => <When atMs={oldestMs} /> },
            { label: t('streams.newest'), cell: ({ newestMs }) => <When atMs={newestMs} /> },
          ]}
        />
      </Card>
      <Card title={t('streams.plan')} flush={changed.length > 0}>
        {changed.length === 0 ? (
          <Health level="ok" label={t('streams.planNone')} />
        ) : (
          <>
            <Table
              caption={t('streams.plan')}
              rows={changed.flatMap(({ name, plan }) =>
                plan.changes.length === 0
                  ? [{ name, action: plan.action, field: '', live: undefined, declared: undefined, immutable: false }]
                  : plan.changes.map((change) => ({ name, action: plan.action, ...change })),
              )}
              keyOf={({ name, field }) => `${name} ${field}`}
              columns={[
                { label: t('streams.name'), heads: true, cell: ({ name }) => name },
                { label: t('streams.action'), cell: ({ action }) => t(`plan.${action}`) },
                { label: t('configuration.field'), cell: ({ field }) => (field ? <code>{field}</code> : '–') },
                { label: t('configuration.live'), cell: ({ live }) => <code>{shortValue(live)}</code> },
                {
                  label: t('configuration.declared'),
                  cell: ({ declared, immutable }) => (
                    <>
                      <code>{shortValue(declared)}</code>{' '}
                      {immutable && <span class="chip differs">{t('streams.immutable')}</span>}
                    </>
                  ),
                },
              ]}
            />
            <div class="empty">
              <Command text="pnpm ops plan" />
            </div>
          </>
        )}
      </Card>
    </>
  )
}

function Fill({ stream: { exists, fill } }: { readonly stream: StreamDetail }) {
  const t = useT()
  const format = useFormat()
  if (!exists) return <Health level="error" label={t('streams.missing')} />
  if (fill === null) return <span class="soft">{t('streams.noLimit')}</span>
  const level = fill >= 0.9 ? 'error' : fill >= 0.75 ? 'warning' : 'ok'
  return (
    <div class="fill">
      <div class={`meter ${level}`} aria-hidden="true">
        <i style={{ width: `${Math.min(100, fill * 100)}%` }} />
      </div>
      <span class="small">{format.percent(fill)}</span>
    </div>
  )
}

function limitsOf(t: Translate, format: Format, { maxBytes, maxMessages, maxAgeMs }: StreamDetail): string {
  const limits = [
    maxBytes !== null && format.bytes(maxBytes),
    maxMessages !== null && t('streams.maxMessages', { count: format.count(maxMessages) }),
    maxAgeMs !== null && format.duration(maxAgeMs),
  ]
  return limits.filter(Boolean).join(' · ') || '–'
}
