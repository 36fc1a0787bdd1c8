import type { Outcome } from '../../../src/api.ts'
import { useQueryClient } from '@tanstack/preact-query'
import { useEffect, useRef, useState } from 'preact/hooks'
import { remove } from '../api/client.ts'
import type { LetterFilter } from '../api/queries.ts'
import { isKey, type Translate, useT } from '../i18n/translate.tsx'
import { useFormat } from '../ui/format.ts'
import { Failure, Waiting } from '../ui/loaded.tsx'
import { Empty } from '../ui/page.tsx'
import { Table } from '../ui/table.tsx'
import { isOver, type JobView, useJob } from './use-job.ts'

export type Action = 'redrive' | 'discard'

interface ActDialogProps {
  readonly action: Action
  readonly filter: LetterFilter
  /** Those alone; otherwise all that the filter finds. */
  readonly seqs?: readonly number[] | undefined
  readonly onClose: () => void
}

/** Shows what would be done, does it once that is confirmed, and then what became of each letter. */
export function ActDialog({ action, filter, seqs, onClose }: ActDialogProps) {
  const t = useT()
  const queries = useQueryClient()
  const dialog = useRef<HTMLDialogElement>(null)
  const dryRun = useJob()
  const real = useJob()
  const [confirmed, setConfirmed] = useState(false)
  const [understood, setUnderstood] = useState(false)
  const path = `/api/dead-letters/${action}`
  const isWide = Object.keys(filter).length === 0 && seqs === undefined
  const body = { ...filter, ...(seqs && { seqs }), ...(action === 'discard' && isWide && { all: true }) }

  useEffect(() => {
    dialog.current?.showModal()
    void dryRun.start(path, { ...body, dryRun: true })
  }, [])
  useEffect(() => {
    if (confirmed) void queries.invalidateQueries({ queryKey: ['letters'] })
  }, [confirmed && isOver(real.view), real.view.job?.done])

  const found = dryRun.view.outcomes
  const doable = found.filter(({ action }) => action !== 'skipped')
  const count = (dryRun.view.job?.done ?? 0) - (dryRun.view.job?.counts.skipped ?? 0)
  const confirm = () => {
    setConfirmed(true)
    // What was shown is what is done: letters that came since are left alone, where all of them could be shown.
    const shown = dryRun.view.job?.outcomesLeftOut === 0 ? { seqs: doable.map(({ letter }) => letter.seq) } : {}
    void real.start(path, { ...body, ...shown, dryRun: false })
  }
  const view = confirmed ? real.view : dryRun.view
  const consumers = [...new Set(doable.map(({ letter }) => letter.consumer))]

  return (
    <dialog ref={dialog} aria-labelledby="act-title" onClose={onClose}>
      <div class="dialog-body">
        <h2 id="act-title">{t(`${action}.title`)}</h2>
        {view.error && <Failure error={view.error} />}
        {!confirmed && !view.error && !isOver(view) && <Waiting />}
        {!confirmed && isOver(view) && !view.error && (
          <>
            <p>{count > 0 ? t(`${action}.would`, { count, consumers: consumers.join(', ') }) : t('act.nothing')}</p>
            <Outcomes outcomes={found} leftOut={view.job?.outcomesLeftOut ?? 0} dry />
            {action === 'discard' && count > 0 && (
              <label>
                <input type="checkbox" checked={understood} onChange={() => setUnderstood(!understood)} />{' '}
                {t('discard.understood', { count })}
              </label>
            )}
          </>
        )}
        {confirmed && <Running view={view} total={count} action={action} />}
      </div>
      <div class="dialog-foot">
        {confirmed && view.job && !isOver(view) && (
          <button type="button" class="button" onClick={() => void remove(`/api/jobs/${view.job?.id ?? ''}`)}>
            {t('act.stop')}
          </button>
        )}
        <button type="button" class="button" onClick={() => dialog.current?.close()}>
          {confirmed ? t('close') : t('cancel')}
        </button>
        {!confirmed && (
          <button
            type="button"
            class={`button main ${action === 'discard' ? 'danger' : ''}`}
            disabled={!isOver(view) || count === 0 || (action === 'discard' && !understood)}
            onClick={confirm}
          >
            {t(`${action}.confirm`, { count })}
          </button>
        )}
      </div>
    </dialog>
  )
}

function Running({ view, total, action }: { readonly view: JobView; readonly total: number; readonly action: Action }) {
  const t = useT()
  const format = useFormat()
  const done = view.job?.done ?? 0
  return (
    <>
      <div class="stack tight">
        <label for="act-progress" aria-live="polite">
          {view.job && isOver(view)
            ? t(`job.${view.job.state}`)
            : view.job?.state === 'following'
              ? t('job.following')
              : t(`${action}.running`)}{' '}
          {t('act.progress', { done: format.count(done), total: format.count(total) })}
        </label>
        <progress id="act-progress" value={done} max={Math.max(total, 1)} />
      </div>
      {view.job?.error && <p class="failure">{view.job.error}</p>}
      <Outcomes outcomes={view.outcomes} leftOut={view.job?.outcomesLeftOut ?? 0} />
    </>
  )
}

/** Rows that a dialog shows at once; the figures above count all. */
const SHOWN = 200

function Outcomes({ outcomes, leftOut, dry }: { outcomes: readonly Outcome[]; leftOut: number; dry?: boolean }) {
  const t = useT()
  const format = useFormat()
  if (outcomes.length === 0) return dry ? <Empty title={t('act.noneFound')} /> : null
  const more = leftOut + Math.max(0, outcomes.length - SHOWN)
  return (
    <div class="card">
      <Table
        caption={t('act.outcomes')}
        rows={outcomes.slice(0, SHOWN)}
        keyOf={({ index }) => index}
        columns={[
          { label: t('letter.number'), heads: true, cell: ({ letter }) => `#${letter.seq}` },
          { label: t('consumer.kind'), cell: ({ letter }) => letter.consumer },
          {
            label: dry ? t('act.wouldBe') : t('act.outcome'),
            cell: (outcome) => <span class={`chip ${chipOf(outcome)}`}>{outcomeText(t, outcome, dry)}</span>,
          },
        ]}
      />
      {more > 0 && <p class="empty">{t('act.more', { count: format.count(more) })}</p>}
    </div>
  )
}

function chipOf({ action, after }: Outcome): string {
  if (action === 'skipped') return 'differs'
  if (after === 'failed_again') return 'bad'
  return after === 'handled' || action === 'discarded' ? 'same' : ''
}

function outcomeText(t: Translate, { action, why, after, detail }: Outcome, dry?: boolean): string {
  const reason = why && `why.${why}`
  if (action === 'skipped') {
    const because = reason && isKey(reason) ? t(reason) : (detail ?? '')
    return [t('outcome.skipped'), because].filter(Boolean).join(': ')
  }
  if (dry) return t(`wouldBe.${action}`)
  return after && after !== 'unknown' ? t(`after.${after}`) : t(`outcome.${action}`)
}
