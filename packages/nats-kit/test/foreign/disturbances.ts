import type { Connection } from '../../src/index.ts'

/** What must not happen while foreign messages are consumed, as it happens. */
export class Disturbances {
  readonly #seen: string[] = []
  readonly #listeners = new Map<string, (error: unknown) => void>()

  constructor() {
    for (const event of ['unhandledRejection', 'uncaughtException'] as const) {
      const listener = (error: unknown): void => this.#note(`${event}: ${textOf(error)}`)
      this.#listeners.set(event, listener)
      process.on(event, listener)
    }
  }

  /** From now on the connection has to stay, and its consumers have to run on. */
  watch(connection: Connection): void {
    connection.events.on('connectionStateChanged', ({ state, reason }) => this.#note(`connection ${state}: ${reason}`))
    connection.events.on('exceptionOccurred', ({ error, during }) =>
      this.#note(`exception in ${during}: ${error.message}`),
    )
    connection.events.on('consumerStateChanged', ({ consumer, state, reason }) => {
      if (state === 'recovering') this.#note(`${consumer} recovers: ${reason}`)
    })
  }

  /** What was seen since the last call. */
  take(): readonly string[] {
    return this.#seen.splice(0)
  }

  close(): void {
    for (const [event, listener] of this.#listeners) process.off(event, listener)
  }

  #note(what: string): void {
    this.#seen.push(what)
  }
}

/** Of whatever was thrown, a text: an object without a prototype has none of its own. */
function textOf(error: unknown): string {
  try {
    return error instanceof Error ? (error.stack ?? error.message) : String(error)
  } catch {
    return 'something without a text'
  }
}
