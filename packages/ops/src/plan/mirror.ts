import { setTimeout as sleep } from 'node:timers/promises'
import type { DeclaredStreamConfig } from '@alarm-bus/nats-kit/admin'
import {
  DiscardPolicy,
  type JetStreamManager,
  RetentionPolicy,
  type StreamConfig,
  type StreamInfo,
} from '@nats-io/jetstream'
import type { Patience } from './patience.ts'
import { PlanError } from './plan-error.ts'

export const MARKER_BYTES = 1_024
const LOOK_MS = 25

/** A mirror keeps sequences and times, which `sources` would assign again. It takes no subjects and no batches. */
export function mirrorOf(config: DeclaredStreamConfig | StreamConfig, origin: string): StreamConfig {
  const { subjects: _, allow_atomic: __, allow_batched: ___, ...rest } = config
  return {
    ...rest,
    retention: RetentionPolicy.Limits,
    discard: DiscardPolicy.Old,
    mirror: { name: origin },
  } as StreamConfig
}

/** From a mirror to a stream of its own. The client's update would keep what is left out, so the server is asked itself. */
export async function release(
  manager: JetStreamManager,
  name: string,
  config: DeclaredStreamConfig | StreamConfig,
): Promise<void> {
  const { mirror: _, ...own } = config as StreamConfig
  const { config: live } = await manager.streams.info(name)
  await manager.streams.update(name, {
    ...own,
    num_replicas: live.num_replicas,
    // What is given as undefined is left out of the request.
    mirror: undefined as never,
  })
}

/** For one message more, so that the marker takes no message's place. */
export function withRoom({ max_msgs: messages, max_bytes: bytes }: Pick<StreamConfig, 'max_msgs' | 'max_bytes'>) {
  return {
    max_msgs: messages > 0 ? messages + 1 : messages,
    max_bytes: bytes > 0 ? bytes + MARKER_BYTES : bytes,
  }
}

export function markerSubject(stream: string): string {
  return `migrating.${stream}`
}

/** @param otherwise how things are where it takes too long. @throws PlanError `not_settled`, `interrupted`. */
export async function caughtUp(
  manager: JetStreamManager,
  name: string,
  { state: { last_seq: lastSeq } }: StreamInfo,
  patience: Patience,
  otherwise: string,
): Promise<void> {
  for (;;) {
    const { state } = await manager.streams.info(name)
    if (state.last_seq >= lastSeq) return
    if (patience.isOver) throw late(`${name} has ${state.last_seq} of ${lastSeq} messages`, patience, otherwise)
    await sleep(LOOK_MS)
  }
}

export function late(what: string, patience: Patience, otherwise: string): PlanError {
  const code = patience.isInterrupted ? 'interrupted' : 'not_settled'
  return new PlanError(code, `${what} (${patience.why}); ${otherwise}`)
}
