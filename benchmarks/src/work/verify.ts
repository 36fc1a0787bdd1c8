import type { JetStreamManager } from '@nats-io/jetstream'
import { setTimeout as sleep } from 'node:timers/promises'

/** Acks travel without an answer, so the broker may count the last ones a little later. */
const SETTLE_TIMEOUT_MS = 10_000

/** @throws Error unless the stream holds exactly `count` messages more than before. */
export async function expectStored(
  manager: JetStreamManager,
  stream: string,
  before: number,
  count: number,
): Promise<void> {
  const stored = (await messagesIn(manager, stream)) - before
  if (stored !== count) throw new Error(`${stream} stored ${stored} messages of ${count}`)
}

export async function messagesIn(manager: JetStreamManager, stream: string): Promise<number> {
  return (await manager.streams.info(stream)).state.messages
}

/** @throws Error unless the broker has an ack for every message that the consumer was to get. */
export async function expectSettled(manager: JetStreamManager, stream: string, consumer: string): Promise<void> {
  const endsAt = performance.now() + SETTLE_TIMEOUT_MS
  for (;;) {
    const info = await manager.consumers.info(stream, consumer)
    if (info.num_pending === 0 && info.num_ack_pending === 0) return
    if (performance.now() > endsAt) {
      throw new Error(
        `${consumer} has ${info.num_pending} messages not delivered and ${info.num_ack_pending} without an ack`,
      )
    }
    await sleep(20)
  }
}
