import { setTimeout as sleep } from 'node:timers/promises'
import { type JetStreamManager, jetstreamManager } from '@nats-io/jetstream'
import type { Msg } from '@nats-io/transport-node'
import { connectionChange } from '../connection/connection-change.ts'
import type { Connection } from '../connection/connection.ts'
import { errorText, KitError, KitErrorCode } from '../errors.ts'
import type { ConsumerState } from '../events.ts'
import type { HealthCheck } from '../health.ts'
import type { StoredSender } from '../publish/stored-sender.ts'
import { streamIncarnation } from '../streams/ensure-streams.ts'
import { ConsumerWatch } from '../watchdog/consumer-watch.ts'
import { toConsumerConfig } from './consumer-config.ts'
import { ConsumerNotes, MAX_UNRUN_NOTED, unrunNote } from './consumer-notes.ts'
import { ConsumerProgress } from './consumer-progress.ts'
import type { ConsumerSpec } from './consumer-spec.ts'
import { ensureConsumer, findConsumer } from './ensure-consumer.ts'
import { nextChange } from './next-change.ts'
import type { SubscriberSettings } from './options.ts'
import type { Pauses } from './pauses.ts'
import { type AbandonedMessage, MessageProcessor } from '../handling/message-processor.ts'
import { PullSource } from '../sources/pull-source.ts'
import { PushSource } from '../sources/push-source.ts'
import { removeEphemeral } from './remove-ephemeral.ts'
import type { DeliverySource, SourceEnd } from '../sources/source.ts'
import { StaleDeliveries } from '../handling/stale-deliveries.ts'

/** Wait before trying again after the first failure; doubled each time, up to the cap. */
const FIRST_BACKOFF_MS = 250
const MAX_BACKOFF_MS = 5_000

const LEVELS: Partial<Record<ConsumerState, 'error' | 'warn'>> = { recovering: 'error', paused: 'warn' }

/**
 * Keeps one handler's consumer running for as long as the app does: makes it, listens, and begins anew whatever ends
 * it. While it does not run, the check is not well and says why.
 */
export class ConsumerRunner {
  readonly name: string
  readonly #connection: Connection
  readonly #settings: SubscriberSettings
  readonly #spec: ConsumerSpec
  readonly #stream: string
  readonly #processor: MessageProcessor
  readonly #notes: ConsumerNotes
  readonly #watch: ConsumerWatch
  readonly #stale: StaleDeliveries
  readonly #progress: ConsumerProgress
  readonly #pauses: Pauses
  readonly #stopSignal = new AbortController()
  #source: DeliverySource | undefined
  #state: ConsumerState = 'starting'
  #reason = 'not started'
  #loop: Promise<void> = Promise.resolve()
  #stopping: Promise<readonly AbandonedMessage[]> | undefined
  /** Why it is paused; undefined while it is not. */
  #pausedFor: string | undefined

  constructor(
    connection: Connection,
    settings: SubscriberSettings,
    spec: ConsumerSpec,
    deadLetters: StoredSender,
    pauses: Pauses,
  ) {
    this.#connection = connection
    this.#settings = settings
    this.#spec = spec
    this.#stream = spec.stream
    this.name = spec.name
    this.#notes = new ConsumerNotes(connection, spec.stream, spec.name)
    this.#processor = new MessageProcessor({
      connection,
      handling: spec,
      limits: settings,
      deadLetters,
      notes: this.#notes,
      stream: spec.stream,
      consumer: spec.name,
      onDone: () => this.#source?.onRoom(),
    })
    this.#stale = new StaleDeliveries(connection, spec.name, settings.ackWaitMs)
    this.#progress = new ConsumerProgress(settings, spec)
    this.#watch = new ConsumerWatch(connection, settings, spec, this.#processor)
    this.#pauses = pauses
  }

  start(): void {
    const unlisten = this.#pauses.onChange(this.#onPauses)
    this.#stopSignal.signal.addEventListener('abort', unlisten)
    this.#onPauses()
    this.#loop = this.#run()
  }

  checks(): readonly HealthCheck[] {
    return [this.#check(), ...this.#watch.checks()]
  }

  #check(): HealthCheck {
    const trouble = this.#processor.trouble
    const ok = this.#state === 'running' && this.#connection.state === 'connected' && trouble === undefined
    const detail = trouble === undefined ? this.#reason : `dead letters cannot be stored: ${trouble}`
    return {
      name: `consumer:${this.name}`,
      ok,
      detail: ok ? `running${this.#watch.note}` : `${this.#state}: ${detail}`,
    }
  }

  /** Takes no new work, waits for what is running, and returns what it had to leave behind. The second call joins the first. */
  stop(timeoutMs: number): Promise<readonly AbandonedMessage[]> {
    this.#stopping ??= this.#stop(timeoutMs)
    return this.#stopping
  }

  async #stop(timeoutMs: number): Promise<readonly AbandonedMessage[]> {
    const startedAt = performance.now()
    this.#stopSignal.abort()
    const stopped = this.#source?.stop()
    const late = sleep(timeoutMs, undefined, { ref: false })
    await Promise.race([stopped, late])
    this.#source?.end({ kind: 'stopped', detail: 'asked to stop' })
    await Promise.race([this.#loop, late])
    this.#stale.stop()
    const abandoned = await this.#processor.stop(Math.max(0, timeoutMs - (performance.now() - startedAt)))
    await Promise.race([this.#noteUnrun(), late])
    if (this.#settings.lifetime === 'ephemeral') await removeEphemeral(this.#connection, this.#stream, this.name)
    await Promise.race([
      this.#watch.onStop(() => jetstreamManager(this.#connection.client, { checkAPI: false, timeout: 2_000 })),
      late,
    ])
    this.#become('stopped', 'asked to stop')
    return abandoned
  }

  /** The broker counts deliveries that never ran as well; without a note the next process would take them for failures. */
  async #noteUnrun(): Promise<void> {
    const unrun = this.#processor.unrun.latest(MAX_UNRUN_NOTED)
    if (unrun.size === 0 || this.#settings.lifetime === 'ephemeral' || this.#connection.state !== 'connected') return
    await this.#notes.noteUnrun(unrun).catch((error: unknown) => {
      const detail = { event: 'unrunNotNoted', consumer: this.name, messages: unrun.size, error: errorText(error) }
      this.#connection.logger.warn(detail, 'deliveries that never ran cannot be noted; they count as failed')
    })
  }

  async #run(): Promise<void> {
    const signal = this.#stopSignal.signal
    let failures = 0
    while (!signal.aborted && this.#connection.state !== 'closed') {
      if (this.#connection.state !== 'connected') {
        this.#become('recovering', 'the broker is away')
        await connectionChange(this.#connection, signal)
        continue
      }
      if (this.#pausedFor !== undefined) {
        this.#become('paused', this.#pausedFor)
        await nextChange(signal, (done) => this.#pauses.onChange(done))
        continue
      }
      try {
        const end = await this.#runOnce(signal, () => (failures = 0))
        // Stopped for good, or for as long as a pause takes: the loop tells.
        if (end.kind === 'stopped') continue
        this.#become('recovering', end.detail)
        if (end.kind === 'moved') continue
      } catch (error) {
        this.#become('recovering', KitError.from(error).message)
      }
      const backoffMs = Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** Math.min(failures++, 8))
      await sleep(backoffMs * (0.5 + Math.random() / 2), undefined, { signal }).catch(() => undefined)
    }
  }

  async #runOnce(signal: AbortSignal, onRunning: () => void): Promise<SourceEnd> {
    const manager = await jetstreamManager(this.#connection.client, { checkAPI: false, timeout: 5_000 })
    const incarnation = await streamIncarnation(this.#connection, this.#stream)
    const config = toConsumerConfig(
      this.#settings,
      this.#spec,
      this.#connection.inboxPrefix,
      this.#progress.startFrom(incarnation),
    )
    const info = await ensureConsumer(manager, this.#stream, config, this.#connection.logger)
    if (signal.aborted) return { kind: 'stopped', detail: 'asked to stop' }
    this.#processor.unrun.take(unrunNote(info))
    this.#progress.remember(info.ack_floor.stream_seq, incarnation)
    await this.#watch.onStart(manager, info)
    if (signal.aborted || this.#pausedFor !== undefined) return { kind: 'stopped', detail: 'asked to stop' }
    const source = this.#makeSource(config.deliver_subject, config.deliver_group)
    this.#source = source
    const ended = source.run()
    this.#become('running', 'running')
    onRunning()
    const watching = new AbortController()
    void this.#lookAfter(manager, source, incarnation, watching.signal)
    const end = await ended
    watching.abort()
    this.#watch.onEnd(end)
    return end
  }

  #makeSource(deliverSubject: string | undefined, deliverGroup: string | undefined): DeliverySource {
    const context = {
      stream: this.#stream,
      consumer: this.name,
      concurrency: this.#settings.concurrency,
      idleHeartbeatMs: this.#settings.idleHeartbeatMs,
      onMessage: (message: Msg, now: number) => {
        if (this.#stale.isStale()) this.#processor.passOver(message)
        else this.#processor.process(message, now)
      },
      running: () => this.#processor.running,
    }
    if (deliverSubject === undefined) return new PullSource(this.#connection, context)
    return new PushSource(this.#connection, { ...context, deliverSubject, deliverGroup })
  }

  /** Looks the consumer up now and then: a push consumer that is deleted says nothing. */
  async #lookAfter(
    manager: JetStreamManager,
    source: DeliverySource,
    incarnation: string | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    for (;;) {
      await sleep(this.#settings.watchdog.lookMs * (0.8 + Math.random() * 0.4), undefined, {
        signal,
        ref: false,
      }).catch(() => undefined)
      if (signal.aborted) return
      try {
        const info = await findConsumer(manager, this.#stream, this.name)
        if (!info) return source.end({ kind: 'gone', detail: 'the consumer was deleted' })
        this.#progress.remember(info.ack_floor.stream_seq, incarnation)
        await this.#watch.onLook(manager, info)
      } catch (error) {
        if (KitError.is(error, KitErrorCode.StreamMissing)) return source.end({ kind: 'gone', detail: error.message })
        this.#connection.logger.warn(
          { event: 'consumerLookFailed', consumer: this.name, error: KitError.from(error).message },
          'consumer cannot be looked up',
        )
      }
    }
  }

  /** Asks for nothing more while somebody holds a pause; what is on its way is held, for the broker has counted it. */
  readonly #onPauses = (): void => {
    const reason = this.#pauses.reasonOf(this.#spec.channel)
    const was = this.#pausedFor
    this.#pausedFor = reason
    if (reason !== undefined) this.#become('paused', reason)
    if (reason !== undefined && was === undefined) {
      this.#processor.hold()
      void this.#source?.stop()
    } else if (reason === undefined && was !== undefined) {
      this.#become('starting', 'the pause has ended')
      this.#processor.release()
    }
  }

  /** Said once per change, however often it is tried. */
  #become(state: ConsumerState, reason: string): void {
    if (state === this.#state && reason === this.#reason) return
    this.#state = state
    this.#reason = reason
    const detail = { stream: this.#stream, consumer: this.name, state, reason }
    this.#connection.logger[LEVELS[state] ?? 'info']({ event: 'consumerStateChanged', ...detail }, `consumer ${state}`)
    this.#connection.events.emit('consumerStateChanged', detail)
  }
}
