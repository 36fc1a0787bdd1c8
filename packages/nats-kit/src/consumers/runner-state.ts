import type { Connection } from '../connection/connection.ts'
import type { ConsumerState } from '../events.ts'

const LEVELS: Partial<Record<ConsumerState, 'error' | 'warn'>> = { recovering: 'error', paused: 'warn' }

/** Whether a consumer runs, and why not. Each change is logged and is an event, however often it is tried. */
export class RunnerState {
  readonly #connection: Connection
  readonly #of: { readonly stream: string; readonly consumer: string }
  #state: ConsumerState = 'starting'
  #reason = 'not started'
  #hasSaidForeign = false

  constructor(connection: Connection, of: { readonly stream: string; readonly consumer: string }) {
    this.#connection = connection
    this.#of = of
  }

  get isRunning(): boolean {
    return this.#state === 'running'
  }

  /** For people, with `reason` or why it is in that state. */
  describe(reason = this.#reason): string {
    return `${this.#state}: ${reason}`
  }

  /** Another consumer's delivery came to this one's subject: passed over, and said once. */
  sayForeign(): void {
    if (this.#hasSaidForeign) return
    this.#hasSaidForeign = true
    const detail = { event: 'foreignDelivery', ...this.#of }
    this.#connection.logger.warn(
      detail,
      'another consumer delivers to the subject of this one; its messages are ignored',
    )
  }

  become(state: ConsumerState, reason: string): void {
    if (state === this.#state && reason === this.#reason) return
    this.#state = state
    this.#reason = reason
    const detail = { ...this.#of, state, reason }
    this.#connection.logger[LEVELS[state] ?? 'info']({ event: 'consumerStateChanged', ...detail }, `consumer ${state}`)
    this.#connection.events.emit('consumerStateChanged', detail)
  }
}
