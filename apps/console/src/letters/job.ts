import { randomUUID } from 'node:crypto'
import { type Connection, errorText, KitError, KitErrorCode } from '@alarm-bus/nats-kit'
import {
  type DeadLetterFilter,
  discardDeadLetters,
  redriveDeadLetters,
  type RedriveOutcome,
} from '@alarm-bus/nats-kit/admin'
import type { Job, Outcome } from '../api.ts'
import type { BegunAct } from '../audit/audit.ts'
import { untilSettled } from './follow-redriven.ts'
import type { Letters } from './letters.ts'

const MAX_OUTCOMES = 1_000

export interface JobOptions {
  readonly connection: Connection
  readonly letters: Letters
  readonly stream: string
  readonly filter: DeadLetterFilter
  readonly action: Job['action']
  readonly dryRun: boolean
  readonly ratePerSecond: number
  readonly maxRedrives: number
  readonly by: string
  /** Undefined for a dry run, which changes nothing. */
  readonly act: BegunAct | undefined
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] }

/** One redrive or discard under way. It goes on when the page is closed. */
export interface RunningJob {
  readonly id: string
  readonly isOver: () => boolean
  /** With the outcomes behind the first `after`, and those among the others whose `after` changed since `changedSince`. */
  read(after: number): Job
  stop(): void
}

/** Begins at once. */
export function startJob(options: JobOptions): RunningJob {
  const { connection, letters, stream, filter, action, dryRun, act } = options
  const stopped = new AbortController()
  const outcomes: Mutable<Outcome>[] = []
  const counts: Partial<Record<Outcome['action'], number>> = {}
  const job: Mutable<Omit<Job, 'outcomes' | 'outcomesLeftOut' | 'counts'>> = {
    id: randomUUID(),
    action,
    dryRun,
    by: options.by,
    startedAtMs: Date.now(),
    endedAtMs: null,
    state: 'running',
    done: 0,
    error: null,
  }
  const add = (outcome: Omit<Outcome, 'index'>): void => {
    const index = job.done++
    counts[outcome.action] = (counts[outcome.action] ?? 0) + 1
    if (outcomes.length < MAX_OUTCOMES) outcomes.push({ index, ...outcome })
  }
  const work = async (): Promise<void> => {
    const { signal } = stopped
    if (action === 'discard') {
      const onDiscarded: NonNullable<Parameters<typeof discardDeadLetters>[3]>['onDiscarded'] = (entry) =>
        add({ letter: letters.toLetter(entry), action: 'discarded' })
      await discardDeadLetters(connection, stream, filter, { dryRun, onDiscarded, signal })
      return
    }
    const { ratePerSecond, maxRedrives } = options
    const onOutcome = (outcome: RedriveOutcome): void => add(outcomeOf(outcome, letters, dryRun))
    await redriveDeadLetters(connection, stream, filter, { dryRun, ratePerSecond, maxRedrives, onOutcome, signal })
  }
  const run = async (): Promise<void> => {
    try {
      await work()
      job.state = 'following'
    } catch (error) {
      const isStopped = KitError.is(error, KitErrorCode.Aborted) && stopped.signal.aborted
      job.state = isStopped ? 'stopped' : 'failed'
      job.error = isStopped ? null : errorText(error)
    }
    const outcome = job.state === 'following' ? 'done' : job.state === 'stopped' ? 'stopped' : 'failed'
    await act?.end(outcome, [inWords(counts), job.error].filter(Boolean).join('; '))
    const waiting = outcomes.filter(({ after }) => after === 'waiting')
    if (waiting.length > 0) await untilSettled(connection, stream, waiting, stopped.signal)
    if (job.state === 'following') job.state = 'done'
    job.endedAtMs = Date.now()
  }
  void run()
  return {
    id: job.id,
    isOver: () => job.endedAtMs !== null,
    read: (after) => ({
      ...job,
      counts: { ...counts },
      // What was redriven and is not settled may have changed since it was last sent.
      outcomes: outcomes.filter(({ index, after: state }) => index >= after || state !== undefined),
      outcomesLeftOut: job.done - outcomes.length,
    }),
    stop: () => stopped.abort(),
  }
}

function outcomeOf(outcome: RedriveOutcome, letters: Letters, dryRun: boolean): Omit<Outcome, 'index'> {
  const letter = letters.toLetter(outcome.letter)
  if (outcome.action === 'skipped') {
    const { why, detail } = outcome
    return { letter, action: 'skipped', why, ...(detail !== undefined && { detail }) }
  }
  return {
    letter,
    action: outcome.action,
    ...(!dryRun && outcome.action === 'redriven' && { after: 'waiting' as const }),
  }
}

function inWords(counts: Job['counts']): string {
  const parts = Object.entries(counts).map(([action, count]) => `${count} ${action}`)
  return parts.length === 0 ? 'no letter matched' : parts.join(', ')
}
