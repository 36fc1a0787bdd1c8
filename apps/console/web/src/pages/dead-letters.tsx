import type { Letter, LetterGroup } from '../../../src/api.ts'
import { useEffect, useState } from 'preact/hooks'
import { Link, useLocation, useSearch } from 'wouter-preact'
import { query } from '../api/client.ts'
import { type LetterFilter, useLetterGroups, useLetters, useMe } from '../api/queries.ts'
import { useT } from '../i18n/translate.tsx'
import { useLive } from '../live/use-live.ts'
import { type Action, ActDialog } from '../letters/act-dialog.tsx'
import { filterOf } from '../letters/filter.ts'
import { Filters } from '../letters/filters.tsx'
import { useReason } from '../letters/use-reason.ts'
import { useFormat } from '../ui/format.ts'
import { Loaded } from '../ui/loaded.tsx'
import { Card, Empty, Page } from '../ui/page.tsx'
import { Table } from '../ui/table.tsx'
import { When } from '../ui/when.tsx'

export function DeadLetters() {
  const t = useT()
  const search = useSearch()
  const [, navigate] = useLocation()
  const filter = filterOf(search)
  const [chosen, setChosen] = useState<ReadonlyMap<number, string>>(new Map())
  const [acting, setActing] = useState<Action>()
  const change = (next: LetterFilter) => navigate(`/dead-letters${query(next)}`, { replace: true })
  useEffect(() => setChosen(new Map()), [search])
  const stream = chosen.values().next().value
  const seqs = chosen.size > 0 ? [...chosen.keys()] : undefined
  return (
    <Page
      title={t('letters.title')}
      lead={t('letters.lead')}
      actions={<Actions count={chosen.size} onAct={setActing} />}
    >
      <Filters filter={filter} onChange={change} />
      {filter.group === undefined && <Groups filter={filter} onPick={(group) => change({ ...filter, group })} />}
      <Letters
        filter={filter}
        chosen={chosen}
        onChoose={({ seq, stream }) => {
          const next = new Map(chosen)
          if (!next.delete(seq)) next.set(seq, stream)
          setChosen(next)
        }}
      />
      {acting && (
        <ActDialog
          action={acting}
          filter={stream === undefined ? filter : { ...filter, stream }}
          seqs={seqs}
          onClose={() => {
            setActing(undefined)
            setChosen(new Map())
          }}
        />
      )}
    </Page>
  )
}

/** A viewer is told that others may, so that nobody looks for buttons that are missing. */
export function Actions({ count, onAct }: { readonly count?: number; readonly onAct: (action: Action) => void }) {
  const t = useT()
  const me = useMe()
  if (me.data?.role !== 'operator') return <span class="soft small">{t('act.viewer')}</span>
  const of = count === undefined ? 'one' : count > 0 ? 'chosen' : 'all'
  return (
    <>
      <button type="button" class="button" onClick={() => onAct('redrive')}>
        {t(`redrive.${of}`, { count: count ?? 1 })}
      </button>
      <button type="button" class="button danger" onClick={() => onAct('discard')}>
        {t(`discard.${of}`, { count: count ?? 1 })}
      </button>
    </>
  )
}

function Groups({ filter, onPick }: { readonly filter: LetterFilter; readonly onPick: (key: string) => void }) {
  const t = useT()
  const format = useFormat()
  const reason = useReason()
  const groups = useLetterGroups(filter)
  useRefresh(groups.refetch)
  if (groups.data?.groups.length === 0) return null
  return (
    <Card
      title={t('letters.groups')}
      flush
      aside={groups.data && !groups.data.complete && t('letters.groupsOf', { count: format.count(groups.data.looked) })}
    >
      <Loaded query={groups}>
        {(data) => (
          <Table<LetterGroup>
            caption={t('letters.groups')}
            rows={data.groups}
            keyOf={({ key }) => key}
            columns={[
              { label: t('letters.count'), number: true, cell: ({ count }) => format.count(count) },
              {
                label: t('letter.error'),
                heads: true,
                cell: ({ key, error, reason: why }) => (
                  <button type="button" class="as-link" onClick={() => onPick(key)}>
                    <span class="clip">{error || reason(why)}</span>
                  </button>
                ),
              },
              { label: t('letter.reason'), cell: ({ reason: why }) => reason(why) },
              { label: t('consumer.kind'), cell: ({ consumer }) => consumer },
              { label: t('letters.newest'), cell: ({ newestMs }) => <When atMs={newestMs} /> },
            ]}
          />
        )}
      </Loaded>
    </Card>
  )
}

interface LettersProps {
  readonly filter: LetterFilter
  readonly chosen: ReadonlyMap<number, string>
  readonly onChoose: (letter: Letter) => void
}

function Letters({ filter, chosen, onChoose }: LettersProps) {
  const t = useT()
  const format = useFormat()
  const reason = useReason()
  const letters = useLetters(filter)
  useRefresh(letters.refetch)
  return (
    <Card
      title={t('letters.list')}
      flush
      aside={letters.data && t('letters.total', { count: format.count(letters.data.pages[0]?.total ?? 0) })}
    >
      <Loaded query={letters}>
        {({ pages }) => {
          const rows = pages.flatMap((page) => page.letters)
          if (rows.length === 0) {
            const all = Object.keys(filter).length === 0
            return (
              <Empty title={all ? t('letters.empty') : t('letters.noneMatch')}>
                {all ? t('letters.emptyHint') : t('letters.noneMatchHint')}
              </Empty>
            )
          }
          return (
            <>
              <Table<Letter>
                caption={t('letters.list')}
                rows={rows}
                keyOf={({ stream, seq }) => `${stream}/${seq}`}
                chosen={({ seq }) => chosen.has(seq)}
                columns={[
                  {
                    label: t('letters.choose'),
                    cell: (letter) => (
                      <input
                        type="checkbox"
                        aria-label={t('letters.chooseOne', { seq: letter.seq })}
                        checked={chosen.has(letter.seq)}
                        onChange={() => onChoose(letter)}
                      />
                    ),
                  },
                  {
                    label: t('letter.number'),
                    heads: true,
                    cell: ({ stream, seq }) => <Link href={`/dead-letters/${stream}/${seq}`}>#{seq}</Link>,
                  },
                  {
                    label: t('letter.error'),
                    cell: ({ error, reason: why }) => <span class="clip">{error || reason(why)}</span>,
                  },
                  { label: t('letter.reason'), cell: ({ reason: why }) => reason(why) },
                  { label: t('consumer.kind'), cell: ({ consumer }) => consumer },
                  { label: t('letter.deliveries'), number: true, cell: ({ deliveries }) => format.count(deliveries) },
                  { label: t('letter.stored'), cell: ({ storedAtMs }) => <When atMs={storedAtMs} /> },
                ]}
              />
              {letters.hasNextPage && (
                <div class="empty">
                  <button
                    type="button"
                    class="button"
                    disabled={letters.isFetchingNextPage}
                    onClick={() => void letters.fetchNextPage()}
                  >
                    {t('more')}
                  </button>
                </div>
              )}
            </>
          )
        }}
      </Loaded>
    </Card>
  )
}

/** Asks again when the number of dead letters changes, as the overview's events tell. */
function useRefresh(refetch: () => unknown): void {
  const { overview } = useLive()
  const count = overview?.handles.reduce((sum, { deadLetters }) => sum + deadLetters, 0)
  useEffect(() => {
    if (count !== undefined) void refetch()
  }, [count])
}
