import { setTimeout as sleep } from 'node:timers/promises'
import type { Connection } from '@alarm-bus/nats-kit'
import { deadLetterStreamName, lookAtStream, redriveStreamName } from '@alarm-bus/nats-kit/admin'
import type { Outcome } from '../api.ts'

const LOOK_MS = 300
/** Longer than a handler and its retries usually take. What is not settled by then is `unknown`. */
const PATIENCE_MS = 10 * 60_000

type Followed = Pick<Outcome, 'letter'> & { after?: Outcome['after'] }

/**
 * Says of each redriven letter when its consumer has settled it. A copy leaves the stream of redriven messages when it
 * is settled, and where it failed again its new letter is stored before that.
 */
export async function untilSettled(
  connection: Connection,
  stream: string,
  outcomes: readonly Followed[],
  signal: AbortSignal,
): Promise<void> {
  const endsAt = performance.now() + PATIENCE_MS
  let waiting = outcomes
  while (waiting.length > 0 && !signal.aborted && performance.now() < endsAt) {
    // The broker may be away for a while.
    const copies = await subjectsOf(connection, redriveStreamName(stream), `redrive.${stream}.>`).catch(() => undefined)
    for (const outcome of copies ? waiting : []) {
      const { consumer, originalSeq } = outcome.letter
      const prefix = `redrive.${stream}.${consumer}.${originalSeq}.`
      if (copies?.some((subject) => subject.startsWith(prefix))) continue
      const letters = `dead-letter.${stream}.${consumer}.${originalSeq}.*`
      const again = await subjectsOf(connection, deadLetterStreamName(stream), letters).catch(() => undefined)
      if (again) outcome.after = again.length > 0 ? 'failed_again' : 'handled'
    }
    waiting = outcomes.filter(({ after }) => after === 'waiting')
    if (waiting.length > 0) await sleep(LOOK_MS, undefined, { signal }).catch(() => undefined)
  }
  for (const outcome of waiting) outcome.after = 'unknown'
}

async function subjectsOf(connection: Connection, stream: string, filter: string): Promise<readonly string[]> {
  return Object.keys((await lookAtStream(connection, stream, filter))?.state.subjects ?? {})
}
