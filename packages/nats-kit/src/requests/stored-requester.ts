import { setTimeout as sleep } from 'node:timers/promises'
import type { App, Contracts, RequestContract } from '@alarm-bus/contracts'
import { checkedTimeoutMs } from '../checked-options.ts'
import { callerHeaderLines, EncodedHeaders, HeaderName, headerLine } from '../codec/headers.ts'
import type { Connection } from '../connection/connection.ts'
import { KitError, KitErrorCode } from '../errors.ts'
import { messageIdOf } from '../publish/publish-options.ts'
import { StoredSender } from '../publish/stored-sender.ts'
import { answerSubject, storedOf, storedRequestMessageId, storedRequestSubject } from '../streams/answer-stream.ts'
import { encodePart } from './part-codec.ts'
import { aborted, closed, invalidInput, readAnswer } from './read-answer.ts'
import type { AnswerOptions, RequestCallOptions } from './request-options.ts'
import { lookUpAnswer } from './stored-answers.ts'

/** Between two looks for an answer; doubled each time, up to the cap. */
const FIRST_LOOK_MS = 25
const MAX_LOOK_MS = 500
const MIN_TIMEOUT_MS = 1_000

/**
 * Asks what is stored. The request is published as any message is; its answer is looked for on a subject of its own until
 * it is there, which is the same after a lost connection, an election and a restart of the caller.
 */
export class StoredRequester {
  readonly #connection: Connection
  readonly #contracts: Contracts
  readonly #asker: string
  readonly #maxInFlight: number
  readonly #sender: StoredSender
  readonly #closing = new AbortController()
  #waiting = 0

  constructor(connection: Connection, contracts: Contracts, app: App | undefined, maxInFlight: number) {
    this.#connection = connection
    this.#contracts = contracts
    this.#asker = app?.name ?? connection.name
    this.#maxInFlight = maxInFlight
    this.#sender = new StoredSender(connection, { maxInFlight })
  }

  async request(request: RequestContract, input: unknown, options: RequestCallOptions = {}): Promise<unknown> {
    const timeoutMs = options.timeoutMs === undefined ? request.timeoutMs : deadlineMs(request, options.timeoutMs)
    const id = messageIdOf(options)
    const encoded = encodePart(request.request, input)
    if ('issues' in encoded) throw invalidInput(request, encoded.issues)
    const { stream } = storedOf(request, this.#contracts)
    const lines =
      headerLine(HeaderName.MessageId, storedRequestMessageId(request, this.#asker, id)) +
      headerLine(HeaderName.ExpectedStream, stream) +
      headerLine(HeaderName.Request, request.name) +
      headerLine(HeaderName.Version, request.version) +
      headerLine(HeaderName.TimeoutMs, Math.floor(timeoutMs)) +
      headerLine(HeaderName.Ttl, `${Math.ceil(timeoutMs / 1_000)}s`) +
      callerHeaderLines(options.headers)
    return this.#waiter(async () => {
      const endsAt = performance.now() + timeoutMs
      // Asked before under this id, longer ago than the broker remembers ids.
      const given = options.id === undefined ? undefined : await this.#look(request, id).catch(unlessDenied)
      if (given !== undefined) return given.answer
      if (options.signal?.aborted) throw aborted(request, options.signal)
      const subject = storedRequestSubject(request, this.#asker)
      await this.#sender.send(subject, new EncodedHeaders(lines), encoded.sized, timeoutMs)
      return this.#wait(request, id, endsAt, timeoutMs, options.signal)
    })
  }

  answer(request: RequestContract, id: string, options: AnswerOptions = {}): Promise<unknown> {
    const timeoutMs = options.timeoutMs === undefined ? request.timeoutMs : checkedTimeoutMs(options.timeoutMs)
    messageIdOf({ id })
    const endsAt = performance.now() + timeoutMs
    return this.#waiter(() => this.#wait(request, id, endsAt, timeoutMs, options.signal))
  }

  close(): void {
    this.#closing.abort()
    void this.#sender.close()
  }

  async #waiter(work: () => Promise<unknown>): Promise<unknown> {
    if (this.#closing.signal.aborted) throw closed()
    if (this.#waiting >= this.#maxInFlight)
      throw new KitError(
        KitErrorCode.TooManyInFlight,
        `${this.#maxInFlight} stored requests wait for their answers already; try again later`,
      )
    this.#waiting++
    try {
      const answer = await work()
      if (answer instanceof KitError) throw answer
      return answer
    } finally {
      this.#waiting--
    }
  }

  async #wait(
    request: RequestContract,
    id: string,
    endsAt: number,
    timeoutMs: number,
    signal: AbortSignal | undefined,
  ): Promise<unknown> {
    const ended = signal ? AbortSignal.any([signal, this.#closing.signal]) : this.#closing.signal
    let trouble = ''
    for (let waitMs = FIRST_LOOK_MS; ; waitMs = Math.min(MAX_LOOK_MS, 2 * waitMs)) {
      if (this.#closing.signal.aborted || this.#connection.state === 'closed') throw closed()
      if (signal?.aborted) throw aborted(request, signal)
      const isLast = performance.now() >= endsAt
      try {
        const found = await this.#look(request, id)
        if (found) return found.answer
        trouble = ''
      } catch (error) {
        unlessDenied(error)
        trouble = `; ${KitError.from(error).message}`
      }
      if (isLast) throw timedOut(request, id, timeoutMs, trouble)
      const leftMs = Math.max(0, endsAt - performance.now())
      await sleep(Math.min(waitMs, leftMs), undefined, { signal: ended }).catch(() => undefined)
    }
  }

  async #look(request: RequestContract, id: string): Promise<{ readonly answer: unknown } | undefined> {
    const { stream } = storedOf(request, this.#contracts)
    const message = await lookUpAnswer(this.#connection, stream, answerSubject(stream, request.name, this.#asker, id))
    return message && { answer: readAnswer(request, message) }
  }
}

/** Whatever else keeps an answer from being looked up passes. */
function unlessDenied(error: unknown): undefined {
  if (KitError.is(error, KitErrorCode.PermissionDenied)) throw error
  return undefined
}

function deadlineMs({ name, timeoutMs: longest }: RequestContract, timeoutMs: number): number {
  if (checkedTimeoutMs(timeoutMs) >= MIN_TIMEOUT_MS && timeoutMs <= longest) return timeoutMs
  throw new KitError(
    KitErrorCode.InvalidOptions,
    `timeoutMs of stored request ${JSON.stringify(name)} must be from ${MIN_TIMEOUT_MS} to its own ${longest} milliseconds, not ${timeoutMs}`,
  )
}

function timedOut({ name }: RequestContract, id: string, timeoutMs: number, trouble: string): KitError {
  return new KitError(
    KitErrorCode.Timeout,
    `no answer to stored request ${JSON.stringify(name)} with id ${JSON.stringify(id)} within ${timeoutMs} ms; it may have been handled, or be a dead letter${trouble}`,
  )
}
