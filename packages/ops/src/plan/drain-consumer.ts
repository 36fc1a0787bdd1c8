import { setTimeout as sleep } from 'node:timers/promises'
import type { ConsumerInfo, JetStreamManager } from '@nats-io/jetstream'

/** Longer than a move takes; a consumer whose move was cut off goes on by itself after it. */
const PAUSE_MS = 15 * 60_000
const LOOK_MS = 50
const FIRST_ROUND_MS = 500

/** A consumer that is paused and has nothing unsettled: every message up to `settledUpTo` is, and none after it. */
export interface DrainedConsumer {
  readonly info: ConsumerInfo
  readonly settledUpTo: number
  /** Lets it go on as before. */
  resume(): Promise<void>
}

/**
 * Brings a consumer to a place where it has settled all that it delivered, and holds it there. Its apps go on running.
 *
 * One delivery at a time first: what was sent back is delivered again and nothing new beside it, so no message is settled
 * out of turn. Then it is paused, which lets a running handler finish and delivers nothing; and if something was sent
 * back meanwhile, goes on for a while and is paused again, for longer each time.
 *
 * @throws Error when it is not settled by `deadline`, a time of `performance.now()`; then the consumer goes on as before.
 */
export async function drainConsumer(
  manager: JetStreamManager,
  live: ConsumerInfo,
  deadline: number,
): Promise<DrainedConsumer> {
  const { stream_name: stream, name } = live
  const resume = async (): Promise<void> => {
    await manager.consumers.update(stream, name, { max_ack_pending: live.config.max_ack_pending as number })
    await manager.consumers.resume(stream, name)
  }
  /** The consumer once `isSo` says so, or as it is when the round is over. */
  const until = async (endsAt: number, isSo: (info: ConsumerInfo) => boolean): Promise<ConsumerInfo> => {
    for (;;) {
      const info = await manager.consumers.info(stream, name)
      if (isSo(info) || performance.now() > Math.min(endsAt, deadline)) return info
      await sleep(LOOK_MS)
    }
  }
  try {
    for (let roundMs = FIRST_ROUND_MS; ; roundMs *= 2) {
      // Each round anew: an app that was started meanwhile has set its own bound again.
      await manager.consumers.update(stream, name, { max_ack_pending: 1 })
      await until(performance.now() + roundMs, ({ num_ack_pending: unsettled }) => unsettled <= 1)
      await manager.consumers.pause(stream, name, new Date(Date.now() + PAUSE_MS))
      const info = await until(performance.now() + roundMs, ({ num_ack_pending: unsettled }) => unsettled === 0)
      if (info.num_ack_pending === 0) return { info, settledUpTo: info.ack_floor.stream_seq, resume }
      if (performance.now() > deadline) {
        throw new Error(
          `${name} of ${stream} still has ${info.num_ack_pending} messages that are with a handler or wait for a retry; nothing was moved, it goes on as before`,
        )
      }
      await manager.consumers.resume(stream, name)
    }
  } catch (error) {
    await resume().catch(() => undefined)
    throw error
  }
}
