import type { Connection } from '../connection/connection.ts'
import { KitError } from '../errors.ts'

/** The watch must not cost the consumer: what it cannot find out is said, once for each reason, and tried again. */
export class HarmlessLooks {
  readonly #connection: Connection
  readonly #consumer: string
  #failure: string | undefined

  constructor(connection: Connection, consumer: string) {
    this.#connection = connection
    this.#consumer = consumer
  }

  async try<T>(look: () => Promise<T>): Promise<T | undefined> {
    try {
      const found = await look()
      this.#failure = undefined
      return found
    } catch (error) {
      const failure = KitError.from(error).message
      if (failure !== this.#failure) {
        this.#connection.logger.warn(
          { event: 'gapLookFailed', consumer: this.#consumer, error: failure },
          'whether messages were missed cannot be found out now',
        )
      }
      this.#failure = failure
      return undefined
    }
  }
}
