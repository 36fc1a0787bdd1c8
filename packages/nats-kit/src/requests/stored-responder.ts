import type { Contracts, RequestContract } from '@alarm-bus/contracts'
import { HeaderName, headerLine } from '../codec/headers.ts'
import type { SizedText } from '../codec/sized-text.ts'
import type { Connection } from '../connection/connection.ts'
import { KitError, KitErrorCode } from '../errors.ts'
import type { ConnectionUser } from '../handling/connection-user.ts'
import type { MessageContext, MessageHandler } from '../handling/handler.ts'
import { DeadLetter } from '../handling/handler-errors.ts'
import { onceOnly } from '../once/once-only.ts'
import { answerSubject, storedOf, storedRequestMessageId } from '../streams/answer-stream.ts'
import { streamLooksOf } from '../watchdog/stream-looks.ts'
import { type Encoded, encodePart, issuesText } from './part-codec.ts'
import { RequestFailed } from './remote-error.ts'
import type { RequestContext, Responder, StoredContext } from './responder.ts'
import { AnswerWriter, lookUpAnswer } from './stored-answers.ts'

const TIMEOUT = /^\d{1,10}$/
const ASKER = /^[A-Za-z0-9_-]+$/

/**
 * A responder of a stored request as a handler of its channel: handled means that the answer is stored. One id has one
 * answer, the first that is stored; a request that has it is not handled again.
 */
export function storedHandler({ request, handle, once }: Responder, contracts: Contracts): MessageHandler {
  const { channel, stream, keepReplyMs } = storedOf(request, contracts)
  const answers = new Answers()
  const handler: MessageHandler = {
    channel,
    uses: [answers],
    async handle(input, context) {
      const { logger } = context
      const asker = context.subject.slice(request.subject.length + 1)
      if (!ASKER.test(asker)) throw new DeadLetter(`subject ${JSON.stringify(context.subject)} names no app that asks`)
      const head = storedRequestMessageId(request, asker, '')
      const id = context.id?.startsWith(head) === true ? context.id.slice(head.length) : ''
      if (id === '')
        throw new DeadLetter(`its message id does not begin with ${JSON.stringify(head)}; it cannot be answered`)
      const detail = { request: request.name, stream: context.stream, seq: context.seq, id }
      const call = new StoredCall(request, context, { id, asker }, answers.clockAheadMs(stream))
      if (call.remainingMs <= 0) {
        logger.warn({ event: 'requestExpired', ...detail }, 'stored request is past its deadline; it is not handled')
        return
      }
      const subject = answerSubject(stream, request.name, asker, id)
      if (await answers.has(stream, subject)) {
        logger.info({ event: 'requestAnsweredBefore', ...detail }, 'stored request has its answer; it is not handled')
        return
      }
      const { code, body } = await answerOf(request, () => handle(input as never, call))
      const lines =
        headerLine(HeaderName.Request, request.name) +
        headerLine(HeaderName.Version, request.version) +
        (code === undefined ? '' : headerLine(HeaderName.Error, code))
      const isFirst = await answers.writer.put(stream, subject, { head: lines, body, keepMs: keepReplyMs })
      if (!isFirst)
        logger.warn(
          { event: 'secondAnswerDropped', ...detail },
          'stored request was handled twice; its first answer stands',
        )
    },
  }
  return once ? onceOnly(handler, { store: once }) : handler
}

interface Answer {
  readonly code: string | undefined
  readonly body: SizedText
}

/** @throws what the handler threw, and Error for an answer that does not fit: both are failures, as of any message. */
async function answerOf(request: RequestContract, handle: () => unknown): Promise<Answer> {
  const fitting = (encoded: Encoded, what: string): SizedText => {
    if ('sized' in encoded) return encoded.sized
    throw new KitError(KitErrorCode.InvalidMessage, `${what} does not fit: ${issuesText(encoded.issues)}`)
  }
  try {
    const response = await handle()
    return { code: undefined, body: fitting(encodePart(request.response, response), 'the response') }
  } catch (error) {
    if (!(error instanceof RequestFailed)) throw error
    const { code, detail } = error
    const part = Object.hasOwn(request.errors, code) ? request.errors[code] : undefined
    if (!part) throw new Error(`error ${JSON.stringify(code)} is not declared`, { cause: error })
    return { code, body: fitting(encodePart(part, detail), `error ${JSON.stringify(code)}`) }
  }
}

/** One delivery of a stored request, as its handler sees it. */
class StoredCall implements RequestContext {
  readonly stored: StoredContext
  readonly #request: RequestContract
  readonly #context: MessageContext
  readonly #endsAt: number
  #signal: AbortSignal | undefined

  constructor(
    request: RequestContract,
    context: MessageContext,
    of: Pick<StoredContext, 'id' | 'asker'>,
    clockAheadMs: number,
  ) {
    const { stream, seq, storedAt, deliveryCount } = context
    this.stored = { ...of, stream, seq, storedAt, deliveryCount }
    this.#request = request
    this.#context = context
    const given = context.header(HeaderName.TimeoutMs)
    const timeoutMs = given !== undefined && TIMEOUT.test(given) ? Number(given) : request.timeoutMs
    const ageMs = Date.now() - clockAheadMs - context.storedAt.getTime()
    this.#endsAt = performance.now() + Math.min(timeoutMs, request.timeoutMs) - ageMs
  }

  get request(): string {
    return this.#request.name
  }

  get logger(): RequestContext['logger'] {
    return this.#context.logger
  }

  get remainingMs(): number {
    return this.#endsAt - performance.now()
  }

  get signal(): AbortSignal {
    return (this.#signal ??= AbortSignal.any([
      this.#context.signal,
      AbortSignal.timeout(Math.max(0, Math.round(this.remainingMs))),
    ]))
  }

  header(name: string): string | undefined {
    return this.#context.header(name)
  }

  readonly error: RequestContext['error'] = (code, detail) => new RequestFailed(code, detail)
}

/** The answers of one responder, on the connection that comes after it was written down. */
class Answers implements ConnectionUser {
  #connection: Connection | undefined
  #writer: AnswerWriter | undefined

  open(connection: Connection): void {
    this.#connection = connection
    this.#writer = new AnswerWriter(connection)
  }

  async close(): Promise<void> {
    await this.#writer?.close()
  }

  get writer(): AnswerWriter {
    if (this.#writer) return this.#writer
    throw new KitError(KitErrorCode.Unexpected, 'the responder is not open')
  }

  clockAheadMs(stream: string): number {
    return (this.#connection && streamLooksOf(this.#connection).latest(stream)?.clockAheadMs) ?? 0
  }

  async has(stream: string, subject: string): Promise<boolean> {
    if (!this.#connection) throw new KitError(KitErrorCode.Unexpected, 'the responder is not open')
    return (await lookUpAnswer(this.#connection, stream, subject)) !== undefined
  }
}
