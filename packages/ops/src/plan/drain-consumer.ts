import { setTimeout as sleep } from 'node:timers/promises'
import type { ConsumerConfig, ConsumerInfo, JetStreamManager } from '@nats-io/jetstream'
import type { Patience } from './patience.ts'
import { PlanError } from './plan-error.ts'

/** Longer than a move takes; a consumer whose move was cut off goes on by itself after it. */
const PAUSE_MS = 15 * 60_000
const LOOK_MS = 50
const FIRST_ROUND_MS = 500
/** On a consumer while it is drained: its own `max_ack_pending`. A run that was cut off leaves it for the next. */
const DRAINED_KEY = 'alarm-bus.drained'

/** A consumer that is paused and has nothing unsettled: every message up to `settledUpTo` is, and none after it. */
export interface DrainedConsumer {
  readonly info: ConsumerInfo
  readonly settledUpTo: number
}

/** Whether a run drains it, or was cut off while it did. */
export function isDrained({ metadata }: Partial<ConsumerConfig>): boolean {
  return metadata?.[DRAINED_KEY] !== undefined
}

/** The configuration as it was before it was drained. */
export function undrained(config: Partial<ConsumerConfig>): Partial<ConsumerConfig> {
  const { pause_until: _, ...rest } = config
  const { [DRAINED_KEY]: bound, ...metadata } = config.metadata ?? {}
  if (bound === undefined) return rest
  return { ...rest, max_ack_pending: Number(bound), metadata }
}

/** Lets a drained consumer go on as before; one that was not drained stays as it is. */
export async function resumeConsumer(manager: JetStreamManager, stream: string, name: string): Promise<void> {
  const { config } = await manager.consumers.info(stream, name)
  if (!isDrained(config)) return
  const { max_ack_pending = -1, metadata = {} } = undrained(config)
  await manager.consumers.resume(stream, name)
  // Last, since it is what tells the next run that there is something left to do.
  await manager.consumers.update(stream, name, { max_ack_pending, metadata })
}

/**
 * Brings a consumer to a place where it has settled all that it delivered, and holds it there. Its apps go on running.
 *
 * One delivery at a time first: what was sent back is delivered again and nothing new beside it, so no message is settled
 * out of turn. Then it is paused, which lets a running handler finish and delivers nothing; and if something was sent
 * back meanwhile, goes on for a while and is paused again, for longer each time.
 *
 * @throws PlanError `not_settled` or `interrupted`; then the consumer goes on as before.
 */
export async function drainConsumer(
  manager: JetStreamManager,
  live: ConsumerInfo,
  patience: Patience,
): Promise<DrainedConsumer> {
  const { stream_name: stream, name } = live
  const note = { [DRAINED_KEY]: String(undrained(live.config).max_ack_pending ?? -1) }
  /** The consumer once `isSo` says so, or as it is when the round is over. */
  const until = async (endsAt: number, isSo: (info: ConsumerInfo) => boolean): Promise<ConsumerInfo> => {
    for (;;) {
      const info = await manager.consumers.info(stream, name)
      if (isSo(info) || patience.isOver || performance.now() > endsAt) return info
      await sleep(LOOK_MS)
    }
  }
  try {
    for (let roundMs = FIRST_ROUND_MS; ; roundMs *= 2) {
      // In each round: an app that was started meanwhile has set its own bound again.
      const { config } = await manager.consumers.info(stream, name)
      await manager.consumers.update(stream, name, { max_ack_pending: 1, metadata: { ...config.metadata, ...note } })
      await until(performance.now() + roundMs, ({ num_ack_pending: unsettled }) => unsettled <= 1)
      await manager.consumers.pause(stream, name, new Date(Date.now() + PAUSE_MS))
      const info = await until(performance.now() + roundMs, ({ num_ack_pending: unsettled }) => unsettled === 0)
      if (info.num_ack_pending === 0 && !patience.isInterrupted) return { info, settledUpTo: info.ack_floor.stream_seq }
      if (patience.isOver) {
        throw new PlanError(
          patience.isInterrupted ? 'interrupted' : 'not_settled',
          `${name} of ${stream} still has ${info.num_ack_pending} messages that are with a handler or wait for a retry (${patience.why}); nothing was moved, it goes on as before`,
        )
      }
      await manager.consumers.resume(stream, name)
    }
  } catch (error) {
    await resumeConsumer(manager, stream, name).catch(() => undefined)
    throw error
  }
}
