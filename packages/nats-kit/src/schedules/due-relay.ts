import { setTimeout as sleep } from 'node:timers/promises'
import { jetstreamManager } from '@nats-io/jetstream'
import type { Msg } from '@nats-io/transport-node'
import { firstValue, type HeaderBlock, readHeaderBlock } from '../codec/header-block.ts'
import { EncodedHeaders, HeaderName, headerLine, ScheduleHeader } from '../codec/headers.ts'
import { headerBytesOf, replyBytesOf } from '../codec/received.ts'
import type { Connection } from '../connection/connection.ts'
import { ensureConsumer } from '../consumers/ensure-consumer.ts'
import { RunnerState } from '../consumers/runner-state.ts'
import { ShapeRight } from '../consumers/shape-right.ts'
import { KitError, KitErrorCode } from '../errors.ts'
import { ackHead } from '../handling/ack-subject.ts'
import { Settler } from '../handling/settler.ts'
import type { HealthCheck } from '../health.ts'
import type { StoredSender } from '../publish/stored-sender.ts'
import { PullSource } from '../sources/pull-source.ts'
import { dueConsumerConfig } from './due-consumer.ts'
import { readRevision, type Revision, type ScheduleStore } from './schedule-store.ts'
import { dueConsumerName } from './schedule-subjects.ts'

const CONCURRENCY = 64
const IDLE_HEARTBEAT_MS = 10_000
const TIMEOUT_MS = 5_000
const LOOK_MS = 200
const MAX_LOOK_MS = 5_000
/** Looks at the start, three seconds of them, that are no trouble yet. */
const FAILURES_AT_START = 4
const RETRY_MS = 1_000
const MAX_RETRY_MS = 60_000
/** What the server and the kit said of the schedule; the rest is the message's own. */
const NOT_THE_MESSAGES = /^(nats-|schedule-)/i

interface Due {
  readonly revision: Revision
  readonly block: HeaderBlock
  readonly message: Msg
  readonly reply: Uint8Array
  readonly deliveries: number
  readonly dueAt: Date
}

/**
 * Publishes what is due, as the app that scheduled it: on the channel's subject and no other, whatever a schedule says.
 * Instances share the work. What was replaced or cancelled in the moment that it fell due is passed over.
 */
export class DueRelay {
  readonly #connection: Connection
  readonly #app: string
  readonly #store: ScheduleStore
  readonly #sender: StoredSender
  readonly #consumer: string
  readonly #state: RunnerState
  readonly #settler: Settler
  readonly #right = new ShapeRight()
  readonly #running = new Set<Promise<void>>()
  readonly #stopping = new AbortController()
  #hasRun = false
  #source: PullSource | undefined
  #loop: Promise<void> | undefined

  constructor(connection: Connection, app: string, store: ScheduleStore, sender: StoredSender) {
    this.#connection = connection
    this.#app = app
    this.#store = store
    this.#sender = sender
    const { schedules, channel } = store.place
    this.#consumer = dueConsumerName(app, channel.name)
    this.#state = new RunnerState(connection, { stream: schedules, consumer: this.#consumer })
    this.#settler = new Settler(connection, ackHead(schedules, this.#consumer))
  }

  /** Once; a second call does nothing. */
  start(): void {
    if (!this.#stopping.signal.aborted) this.#loop ??= this.#run()
  }

  /** None before it was started. */
  checks(): readonly HealthCheck[] {
    if (this.#loop === undefined) return []
    const trouble = this.#settler.trouble
    const ok = this.#state.isRunning && trouble === undefined
    return [{ name: `schedules:${this.#store.place.channel.name}`, ok, detail: trouble ?? this.#state.describe() }]
  }

  /** Asks for nothing more and waits for what is being published. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#source?.stop()
    await this.#loop
    await Promise.all(this.#running)
    this.#settler.close()
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping
    for (let failures = 0; !signal.aborted && this.#connection.state !== 'closed';) {
      if (this.#connection.state === 'connected' && (await this.#isThere(failures))) {
        failures = 0
        this.#hasRun = true
        this.#state.become('running', 'taking what is due')
        const end = await this.#takeAll()
        if (end.kind === 'moved') continue
        if (end.kind === 'stopped') break
        this.#state.become('recovering', end.detail)
      }
      const waitMs = Math.min(MAX_LOOK_MS, LOOK_MS * 2 ** Math.min(failures++, 16))
      await sleep(waitMs, undefined, { signal }).catch(() => undefined)
    }
    this.#state.become('stopped', 'asked to stop')
  }

  async #isThere(failures: number): Promise<boolean> {
    const { schedules, stream, channel } = this.#store.place
    try {
      const manager = await jetstreamManager(this.#connection.client, { checkAPI: false, timeout: TIMEOUT_MS })
      const config = dueConsumerConfig(this.#app, stream, channel)
      await ensureConsumer(manager, schedules, config, this.#connection.logger, this.#right)
      return true
    } catch (error) {
      // Streams are brought about at the same time as this begins.
      const isStarting = !this.#hasRun && failures < FAILURES_AT_START
      this.#state.become(isStarting ? 'starting' : 'recovering', KitError.from(error).message)
      return false
    }
  }

  #takeAll() {
    this.#source = new PullSource(this.#connection, {
      stream: this.#store.place.schedules,
      consumer: this.#consumer,
      idleHeartbeatMs: IDLE_HEARTBEAT_MS,
      concurrency: CONCURRENCY,
      running: () => this.#running.size,
      isHeld: () => this.#stopping.signal.aborted,
      onMessage: (message) => {
        const running = this.#take(message).finally(() => {
          this.#running.delete(running)
          this.#source?.askForMore()
        })
        this.#running.add(running)
      },
    })
    return this.#source.run()
  }

  /** Never rejects. */
  async #take(message: Msg): Promise<void> {
    const due = readDue(message)
    const { channel } = this.#store.place
    const { logger } = this.#connection
    if (due === undefined) {
      logger.error(
        { event: 'dueUnreadable', channel: channel.name, subject: message.subject },
        'what is due was not scheduled by the kit; it is removed',
      )
      return this.#settler.settle(replyBytesOf(message), { kind: 'ack' })
    }
    try {
      if (!(await this.#store.isOver(due.revision, TIMEOUT_MS))) await this.#publish(due)
      this.#settler.settle(due.reply, { kind: 'ack' })
    } catch (error) {
      const { code, message: text } = KitError.from(error)
      const delayMs = Math.min(MAX_RETRY_MS, RETRY_MS * 2 ** Math.min(due.deliveries - 1, 16))
      const detail = {
        event: 'dueNotPublished',
        channel: channel.name,
        id: due.revision.id,
        code,
        error: text,
        delayMs,
      }
      if (code !== KitErrorCode.Closed)
        logger.error(detail, 'what is due cannot be published on its channel; it is tried again')
      this.#settler.settle(due.reply, { kind: 'give_back', delayMs })
    }
  }

  #publish({ revision: { id }, block, message, dueAt }: Due): Promise<unknown> {
    const { stream, channel } = this.#store.place
    const isLast = firstValue(block, ScheduleHeader.Next) === 'purge'
    let lines =
      headerLine(HeaderName.MessageId, isLast ? id : `${id}@${dueAt.toISOString()}`) +
      headerLine(HeaderName.ExpectedStream, stream) +
      headerLine(ScheduleHeader.Id, id)
    for (const [name, value] of block.lines) if (!NOT_THE_MESSAGES.test(name)) lines += headerLine(name, value)
    return this.#sender.send(channel.subject, new EncodedHeaders(lines), message.data)
  }
}

/** Undefined for what has no schedule of the kit's behind it. */
function readDue(message: Msg): Due | undefined {
  const block = readHeaderBlock(headerBytesOf(message))
  const revision = readRevision(firstValue(block, ScheduleHeader.Scheduler) ?? '')
  const reply = replyBytesOf(message)
  const tokens = Buffer.from(reply).toString().split('.')
  const [deliveries, , , nanos] = tokens.slice(tokens.length >= 11 ? 6 : 4).map(Number)
  if (revision === undefined || deliveries === undefined || nanos === undefined) return undefined
  if (message.subject.split('.')[3] !== revision.id) return undefined
  return { revision, block, message, reply: Buffer.from(reply), deliveries, dueAt: new Date(nanos / 1_000_000) }
}
