import { setTimeout as sleep } from 'node:timers/promises'
import { KitError, KitErrorCode } from '@alarm-bus/nats-kit'

const RETRY_MS = 500

/**
 * Asks until there is an answer: a broker that has just started answers clients before JetStream is ready, and a cluster
 * elects its leader first. `deadline` is a time of `performance.now()`.
 */
export async function untilAnswered<T>(
  deadline: number,
  ask: () => Promise<T>,
  /** Told why it waits: once, and again when the reason changes. */
  onWait: (why: string) => void = () => undefined,
): Promise<T> {
  let said: string | undefined
  for (;;) {
    try {
      return await ask()
    } catch (error) {
      if (!KitError.is(error, KitErrorCode.BrokerUnavailable) || performance.now() + RETRY_MS > deadline) throw error
      const { message } = error as Error
      if (message !== said) onWait(message)
      said = message
      await sleep(RETRY_MS)
    }
  }
}
