import { setTimeout as sleep } from 'node:timers/promises'
import type { Stream } from '@alarm-bus/contracts'
import type { Connection } from '../connection/connection.ts'
import { KitError } from '../errors.ts'
import { ensureStreams, type EnsureStreamsOptions } from '../streams/ensure-streams.ts'
import type { HealthCheck } from '../health.ts'

/** How often streams that are well are looked at again, and those that are not. */
const LOOK_MS = 5_000
const RETRY_MS = 1_000

/**
 * Brings the streams about, or checks them, and goes on looking: a stream that is deleted or changed while the app
 * runs makes it not ready. In mode `apply` a deleted stream is made again.
 */
export class StreamKeeper {
  readonly #connection: Connection
  readonly #streams: readonly Stream[]
  readonly #options: EnsureStreamsOptions
  readonly #stopSignal = new AbortController()
  #trouble: string | undefined = 'not looked at yet'
  #loop: Promise<void> = Promise.resolve()

  constructor(connection: Connection, streams: readonly Stream[], options: EnsureStreamsOptions) {
    this.#connection = connection
    this.#streams = streams
    this.#options = options
  }

  start(): void {
    this.#loop = this.#run()
  }

  check(): HealthCheck {
    const name = `streams:${this.#streams.map((stream) => stream.name).join(',')}`
    return { name, ok: this.#trouble === undefined, detail: this.#trouble ?? 'as declared' }
  }

  async stop(): Promise<void> {
    this.#stopSignal.abort()
    await this.#loop
  }

  async #run(): Promise<void> {
    const signal = this.#stopSignal.signal
    while (!signal.aborted && this.#connection.state !== 'closed') {
      if (this.#connection.state === 'connected') await this.#look()
      const waitMs = this.#trouble === undefined ? LOOK_MS : RETRY_MS
      await sleep(waitMs * (0.8 + Math.random() * 0.4), undefined, { signal, ref: false }).catch(() => undefined)
    }
  }

  async #look(): Promise<void> {
    try {
      await ensureStreams(this.#connection, this.#streams, this.#options)
      if (this.#trouble !== undefined)
        this.#connection.logger.info({ event: 'streamsReady' }, 'streams are as declared')
      this.#trouble = undefined
    } catch (error) {
      const failure = KitError.from(error)
      // Said once, not every time it is found again.
      if (failure.message !== this.#trouble && !this.#stopSignal.signal.aborted) {
        this.#connection.logger.error(
          { event: 'streamsNotReady', code: failure.code, error: failure.message },
          'streams are not as declared',
        )
      }
      this.#trouble = failure.message
    }
  }
}
