import type { CurrentProblem, Overview as Data } from '../../../src/api.ts'
import { Link } from 'wouter-preact'
import { isKey, useT } from '../i18n/translate.tsx'
import { useLive } from '../live/use-live.ts'
import { useFormat } from '../ui/format.ts'
import { Health } from '../ui/health.tsx'
import { Card, Empty, Figures, Page } from '../ui/page.tsx'
import { Waiting } from '../ui/loaded.tsx'
import { When } from '../ui/when.tsx'
import { BusMap } from '../map/bus-map.tsx'
import { Command } from '../ui/command.tsx'

export function Overview() {
  const t = useT()
  const { overview } = useLive()
  return (
    <Page title={t('overview.title')} lead={t('overview.lead')}>
      {overview ? <Seen overview={overview} /> : <Waiting />}
    </Page>
  )
}

function Seen({ overview }: { readonly overview: Data }) {
  const t = useT()
  return (
    <>
      <Totals overview={overview} />
      <Card
        title={t('overview.problems')}
        aside={overview.problems.length > 0 ? String(overview.problems.length) : undefined}
        flush
      >
        <Problems problems={overview.problems} />
      </Card>
      <Card
        title={t('overview.map')}
        aside={
          <>
            {t('overview.lookedAt')} <When atMs={overview.lookedAtMs} />
          </>
        }
      >
        {overview.channels.length === 0 ? (
          <Empty title={t('overview.noChannels')}>{t('overview.noChannelsHint')}</Empty>
        ) : (
          <BusMap overview={overview} />
        )}
      </Card>
    </>
  )
}

function Totals({ overview }: { readonly overview: Data }) {
  const t = useT()
  const format = useFormat()
  const sum = <Row,>(rows: readonly Row[], of: (row: Row) => number) => rows.reduce((total, row) => total + of(row), 0)
  return (
    <Figures
      rows={[
        {
          label: t('overview.published'),
          value: format.rate(sum(overview.channels, ({ publishedPerSecond }) => publishedPerSecond)),
          unit: t('unit.perSecond'),
        },
        {
          label: t('overview.handled'),
          value: format.rate(sum(overview.handles, ({ handledPerSecond }) => handledPerSecond)),
          unit: t('unit.perSecond'),
        },
        {
          label: t('overview.waiting'),
          value: format.count(sum(overview.handles, ({ lag }) => lag)),
          unit: t('unit.messages'),
        },
        {
          label: t('overview.deadLetters'),
          value: (
            <Link href="/dead-letters">{format.count(sum(overview.handles, ({ deadLetters }) => deadLetters))}</Link>
          ),
        },
      ]}
    />
  )
}

export function Problems({ problems }: { readonly problems: readonly CurrentProblem[] }) {
  const t = useT()
  if (problems.length === 0) return <Empty title={t('overview.allWell')}>{t('overview.allWellHint')}</Empty>
  return (
    <ul class="problems">
      {problems.map((problem) => (
        <li key={problem.id}>
          <Health level={problem.severity} label={t(`severity.${problem.severity}`)} />
          <p>
            <ProblemText problem={problem} />
          </p>
          <Mend problem={problem} />
        </li>
      ))}
    </ul>
  )
}

function ProblemText({ problem: { kind, params, text } }: { readonly problem: CurrentProblem }) {
  const t = useT()
  const format = useFormat()
  const key = `problem.${kind}`
  if (!isKey(key)) return <>{text}</>
  const figures = Object.entries(params).map(([name, value]) => [
    name,
    typeof value === 'number' ? format.count(value) : value,
  ])
  const said = t(key, Object.fromEntries(figures))
  // Something that this page does not know of is missing: better the server's own words.
  return <>{/\{\w+\}/.test(said) ? text : said}</>
}

function Mend({ problem: { mend, kind, params } }: { readonly problem: CurrentProblem }) {
  const t = useT()
  const key = `mend.${kind}`
  return (
    <div class="row mend">
      {mend.href && <Link href={mend.href}>{isKey(key) ? t(key, params) : mend.text}</Link>}
      {!mend.href && <span class="soft small">{isKey(key) ? t(key, params) : mend.text}</span>}
      {mend.command && <Command text={mend.command} />}
    </div>
  )
}
