import {
  type Channel,
  type Contracts,
  defineContracts,
  defineStream,
  type MessageInputOf,
  type MessageIssue,
} from '@alarm-bus/contracts'
import { callerHeaderLines, DeadLetterHeader, EncodedHeaders, HeaderName, headerLine } from '../codec/headers.ts'
import { contractHeaderLines, encodeMessage } from '../codec/json-codec.ts'
import { KitError, KitErrorCode } from '../errors.ts'
import { StoredSender } from '../publish/stored-sender.ts'
import { specOf } from '../consumers/consumer-spec.ts'
import type { MessageHandler } from '../handling/handler.ts'
import { resolveSubscriberOptions, type SubscriberOptions } from '../consumers/options.ts'
import { MessageProcessor } from '../handling/message-processor.ts'
import type { TrialNotes } from '../handling/trials.ts'
import { collectLogs } from './collect-logs.ts'
import type { DeliveryReport, StoredLetter } from './delivery-report.ts'
import { messageOf, socketlessConnection } from './socketless-connection.ts'

/** The subscriber's own options, as the app has them, and what is said of this delivery. */
export interface DeliverOptions extends Partial<Omit<SubscriberOptions, 'handlers'>> {
  /** 1 (default) for the first delivery. */
  readonly deliveryCount?: number
  /** The publisher's message id. Default: none. */
  readonly id?: string
  /** The publisher's own headers. */
  readonly headers?: Readonly<Record<string, string>>
  /** Sequence in the stream. Default 1. */
  readonly seq?: number
  /** When the broker stored the message. Default: now. */
  readonly storedAt?: Date
}

const YEAR_MS = 365 * 24 * 60 * 60 * 1_000

/**
 * Hands one message to a handler as a consumer would, without a broker: the same codec, checks, retry policy and
 * settlement, which end where the socket would begin.
 *
 * @param message what a publisher would pass, or bytes, which are delivered as they are: not JSON, not the schema.
 * @returns what became of the message. Timers are the process's own, so a test's fake timers move them.
 * @throws KitError `invalid_message` or `message_too_large` for what could not have been published; `invalid_options`
 * for what a subscriber would refuse.
 */
export function deliver(handler: MessageHandler, message: unknown, options?: DeliverOptions): Promise<DeliveryReport>
/** The same for a channel: the handler is the one that `handlers`, the app's list, has for it. */
export function deliver<C extends Channel>(
  channel: C,
  message: MessageInputOf<C> | Uint8Array,
  options: DeliverOptions & Pick<SubscriberOptions, 'handlers'>,
): Promise<DeliveryReport>
export async function deliver(
  target: MessageHandler | Channel,
  message: unknown,
  options: DeliverOptions & Partial<Pick<SubscriberOptions, 'handlers'>> = {},
): Promise<DeliveryReport> {
  const handlers = 'handle' in target ? [target] : (options.handlers ?? [])
  const handler = handlerOf(target, handlers)
  const contracts = options.contracts ?? contractsOf(handlers)
  const settings = resolveSubscriberOptions({ app: 'app', ...options, contracts, handlers })
  const spec = specOf(settings, handler)
  const delivery = incoming({ stream: spec.stream, consumer: spec.name }, handler.channel, message, options)

  const logs = collectLogs()
  let inProgress = 0
  let letter: StoredLetter | undefined
  let settle: (verdict: string) => void
  const settled = new Promise<string>((resolve) => (settle = resolve))
  const connection = socketlessConnection(settings.app, logs, ({ subject, headers, data }) => {
    const verdict = Buffer.from(data).toString('utf8')
    if (subject !== delivery.reply) letter = { subject, headers, data }
    else if (verdict === '+WPI') inProgress++
    else settle(verdict)
  })
  let error: string | undefined
  connection.events.on('retryScheduled', (detail) => (error = detail.error))
  connection.events.on('deadLetterStored', (detail) => (error = detail.error))

  const deadLetters = new StoredSender(connection)
  // Acks leave in batches, at the end of a turn that a test's clock may never reach.
  const flush = (): void => connection.frames.flush()
  const processor = new MessageProcessor({
    connection,
    handling: spec,
    limits: settings,
    deadLetters,
    notes: memoryTrialNotes(),
    stream: spec.stream,
    consumer: spec.name,
    onDone: flush,
    settlesAll: true,
  })
  processor.process(delivery, performance.now())
  const verdict = await settled
  // Not awaited: the wait is a timer, which a test's clock may never move.
  void processor.stop(0)
  await deadLetters.close()
  return { ...reportOf(verdict, letter), ...(error === undefined ? {} : { error }), inProgress, logs: logs.lines }
}

function reportOf(
  verdict: string,
  letter: StoredLetter | undefined,
): Pick<DeliveryReport, 'outcome' | 'verdict' | 'delayMs' | 'reason' | 'issues' | 'letter'> {
  if (verdict === '+ACK') return { outcome: 'ack', verdict }
  if (verdict.startsWith('-NAK ')) {
    const { delay } = JSON.parse(verdict.slice('-NAK '.length)) as { readonly delay: number }
    return { outcome: 'nak', verdict, delayMs: delay / 1_000_000 }
  }
  const issues = JSON.parse(letter?.headers[DeadLetterHeader.Issues] ?? '[]') as readonly MessageIssue[]
  const reason = letter?.headers[DeadLetterHeader.Reason] ?? ''
  return { outcome: 'deadLetter', verdict, reason, issues, ...(letter && { letter }) }
}

function handlerOf(target: MessageHandler | Channel, handlers: readonly MessageHandler[]): MessageHandler {
  const channel = 'handle' in target ? target.channel : target
  const handler = handlers.find((one) => one.channel === channel)
  if (!handler) throw refused(`no handler of the list handles channel ${JSON.stringify(channel.name)}`)
  return handler
}

/** The handlers' channels in a stream that keeps messages for longer than any retries take. */
function contractsOf(handlers: readonly MessageHandler[]): Contracts {
  const channels = [...new Set(handlers.map(({ channel }) => channel))]
  const stream = defineStream({
    name: 'TEST_STREAM',
    description: 'The messages of a test.',
    channels,
    maxAgeMs: YEAR_MS,
    maxMessages: 1_000,
    maxBytes: 1024 * 1024 * 1024,
    maxMessageBytes: 2 * Math.max(...channels.map(({ maxMessageBytes }) => maxMessageBytes)),
  })
  return defineContracts({ channels, streams: [stream] })
}

/** The delivery as the client would hand it over, its metadata in the reply subject. */
function incoming(
  at: { readonly stream: string; readonly consumer: string },
  channel: Channel,
  message: unknown,
  options: DeliverOptions,
): ReturnType<typeof messageOf> {
  const { deliveryCount = 1, seq = 1, id, headers, storedAt = new Date() } = options
  for (const [name, value] of Object.entries({ deliveryCount, seq })) {
    if (!Number.isSafeInteger(value) || value < 1) throw refused(`${name} must be a whole number from 1, not ${value}`)
  }
  const lines =
    (id === undefined ? '' : headerLine(HeaderName.MessageId, id)) +
    contractHeaderLines(channel) +
    callerHeaderLines(headers)
  return messageOf({
    subject: channel.subject,
    data: message instanceof Uint8Array ? message : encodeMessage(channel, message),
    headerBytes: new EncodedHeaders(lines).bytes,
    reply: `$JS.ACK.${at.stream}.${at.consumer}.${deliveryCount}.${seq}.${seq}.${storedAt.getTime()}000000.0`,
  })
}

/** Of this delivery alone: each run is the first that is noted. */
function memoryTrialNotes(): TrialNotes {
  return { begin: async () => 1, end: async () => undefined }
}

function refused(why: string): KitError {
  return new KitError(KitErrorCode.InvalidOptions, `deliver: ${why}`)
}
