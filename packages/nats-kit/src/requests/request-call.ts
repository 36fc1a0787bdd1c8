import type { RequestContract } from '@alarm-bus/contracts'
import type { Msg } from '@nats-io/transport-node'
import { firstValue, type HeaderBlock, readHeaderBlock } from '../codec/header-block.ts'
import { headerBytesOf } from '../codec/received.ts'
import type { Logger } from '../logger.ts'
import { RequestFailed } from './remote-error.ts'
import type { RequestContext } from './responder.ts'

/** Allowed for the way of a request and of its answer, where a quarter of the time is not less. */
const MAX_ON_ITS_WAY_MS = 100

/** One request that came, from its deadline to its answer. What a handler does not ask for costs nothing. */
export class RequestCall implements RequestContext {
  readonly stored = undefined
  readonly logger: Logger
  readonly #message: Msg
  readonly #contract: RequestContract
  #headers: HeaderBlock | undefined
  /** When its caller gives up; milliseconds of `performance.now()`. */
  #endsAt = 0
  /** Nothing is begun later: on its way it took a time that nobody here knows, and its answer takes as long. */
  #beginsBy = 0
  /** It has its answer, needs none, or was taken from its handler. */
  isOver = false
  #abort: AbortController | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(message: Msg, contract: RequestContract, logger: Logger) {
    this.#message = message
    this.#contract = contract
    this.logger = logger
  }

  /** @param now milliseconds of `performance.now()`. */
  setDeadline(now: number, timeoutMs: number, waitedMs: number): void {
    this.#endsAt = now + timeoutMs - waitedMs
    this.#beginsBy = this.#endsAt - Math.min(MAX_ON_ITS_WAY_MS, timeoutMs / 4)
  }

  get mayBegin(): boolean {
    return performance.now() < this.#beginsBy
  }

  get request(): string {
    return this.#contract.name
  }

  get reply(): string {
    return this.#message.reply ?? ''
  }

  get data(): Uint8Array {
    return this.#message.data
  }

  get remainingMs(): number {
    return this.#endsAt - performance.now()
  }

  header(name: string): string | undefined {
    this.#headers ??= readHeaderBlock(headerBytesOf(this.#message))
    return firstValue(this.#headers, name)
  }

  readonly error: RequestContext['error'] = (code, detail) => new RequestFailed(code, detail)

  get signal(): AbortSignal {
    if (this.#abort) return this.#abort.signal
    const abort = new AbortController()
    this.#abort = abort
    const { remainingMs } = this
    if (this.isOver || remainingMs <= 0) this.abort('its caller waits no longer')
    else this.#timer = setTimeout(() => this.abort('its caller waits no longer'), remainingMs).unref()
    return abort.signal
  }

  abort(why: string): void {
    this.#abort?.abort(new Error(`request ${JSON.stringify(this.request)}: ${why}`))
  }

  end(): void {
    this.isOver = true
    clearTimeout(this.#timer)
  }
}
