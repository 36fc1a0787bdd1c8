import { setTimeout as sleep } from 'node:timers/promises'
import type { Connection } from '../connection/connection.ts'
import { errorText } from '../errors.ts'
import type { StoredSender } from '../publish/stored-sender.ts'
import { type DeadLetterContent, storeDeadLetter } from './store-dead-letter.ts'

/** Between two attempts to store a dead letter that the broker does not take. */
const RETRY_MS = 1_000
/** What goes on is said again this often. */
const SAY_AGAIN_MS = 60_000

export interface KeepOptions {
  /** Ends the attempts, since the message is redelivered to the app's next process. */
  readonly signal: AbortSignal
  /** Why the letter is not stored yet; undefined once it is. */
  readonly onTrouble: (why: string | undefined) => void
}

/**
 * Stores a dead letter for as long as it takes. Its message stays with this process meanwhile and is settled only after.
 *
 * @returns whether it is stored: false when `signal` ended it before.
 */
export async function keepDeadLetter(
  connection: Connection,
  sender: StoredSender,
  letter: DeadLetterContent,
  { signal, onTrouble }: KeepOptions,
): Promise<boolean> {
  let said = ''
  let saidAt = Number.NEGATIVE_INFINITY
  for (;;) {
    try {
      await storeDeadLetter(connection, sender, letter)
      onTrouble(undefined)
      return true
    } catch (failure) {
      const error = errorText(failure)
      onTrouble(error)
      const now = performance.now()
      if (error !== said || now - saidAt > SAY_AGAIN_MS) {
        const { stream, seq, consumer, reason } = letter
        connection.logger.error(
          { event: 'deadLetterNotStored', stream, seq, consumer, reason, error },
          'dead letter cannot be stored; the message is held until it can',
        )
        said = error
        saidAt = now
      }
      if (signal.aborted) return false
      await sleep(RETRY_MS, undefined, { signal }).catch(() => undefined)
    }
  }
}
