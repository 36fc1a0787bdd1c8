import { setTimeout as sleep } from 'node:timers/promises'
import { KitError } from '../../../src/index.ts'
import type { Journal } from './journal.ts'

export interface WritersOptions {
  /** Ids begin with it. */
  readonly name: string
  readonly publish: (id: string) => Promise<unknown>
  readonly journal: Journal
  /** How many publish at once, each waiting for its ack before it goes on. Default 4. */
  readonly writers?: number
  /** Between two messages of one writer, in milliseconds. Default 0. */
  readonly pauseMs?: number
}

export interface Writers {
  /** What was not acknowledged; it may have been stored all the same. */
  readonly failures: readonly KitError[]
  /** No new message; resolves when each one in flight has its ack or its error. */
  stop(): Promise<void>
}

/** A writer that is refused at once would fill the journal rather than publish. */
const PAUSE_AFTER_FAILURE_MS = 20

/** Publishes one id after another, each written down before it is tried and again after its ack. */
export function startWriters({ name, publish, journal, writers = 4, pauseMs = 0 }: WritersOptions): Writers {
  let running = true
  const failures: KitError[] = []
  const done = Promise.all(
    Array.from({ length: writers }, async (_, writer) => {
      for (let i = 0; running; i++) {
        const id = `${name}-${writer}-${i}`
        const failure = await attempt(id, publish, journal)
        if (failure) failures.push(failure)
        const waitMs = failure ? PAUSE_AFTER_FAILURE_MS : pauseMs
        if (waitMs > 0) await sleep(waitMs)
      }
    }),
  )
  return {
    failures,
    async stop() {
      running = false
      await done
    },
  }
}

/** One id with its lines in the journal; resolves to the error of a publish that was not acknowledged. */
export async function attempt(
  id: string,
  publish: (id: string) => Promise<unknown>,
  journal: Journal,
): Promise<KitError | undefined> {
  journal.attempted(id)
  try {
    await publish(id)
  } catch (error) {
    return KitError.from(error)
  }
  journal.acked(id)
  return undefined
}
