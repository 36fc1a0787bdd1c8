import { setTimeout as sleep } from 'node:timers/promises'
import { INCARNATION_KEY, incarnationOf, listConsumers, MIGRATING_KEY, migrationName } from '@alarm-bus/nats-kit/admin'
import { type JetStreamManager, StorageType, type StreamConfig, type StreamInfo } from '@nats-io/jetstream'
import { drainConsumer, resumeConsumer } from './drain-consumer.ts'
import { findStream } from './find.ts'
import { caughtUp, late, MARKER_BYTES, markerSubject, mirrorOf, release, withRoom } from './mirror.ts'
import { startingAt } from './move-consumer.ts'
import type { Patience } from './patience.ts'
import type { Migrator } from './session.ts'

type Client = Migrator['connection']['client']

/** On the copy: the consumers to be made, each where the one before had got to. It is there once the copy is whole. */
export const CONSUMERS_KEY = 'alarm-bus.consumers'
/** On the copy: the sequence of the message that no publisher sent. */
export const MARKER_KEY = 'alarm-bus.marker'
/** On the stream while it is copied: what it is put back to where that fails, in this run or the next. */
const BEFORE_KEY = 'alarm-bus.before-migration'
/** Share of a stream's messages that are in the copy before publishers are held up. */
const NEARLY = 0.99

const LOOK_MS = 25

export function isWhole(copy: StreamInfo | undefined): boolean {
  return copy?.config.metadata?.[CONSUMERS_KEY] !== undefined
}

/**
 * Has a copy of the stream made with the positions of its consumers, while its apps go on as long as that may be.
 *
 * @throws PlanError `not_settled` or `interrupted`; then all is put back as it was.
 */
export async function copyAway(
  manager: JetStreamManager,
  client: Client,
  name: string,
  patience: Patience,
): Promise<void> {
  const copy = migrationName(name)
  const live = await manager.streams.info(name)
  const { [MIGRATING_KEY]: _gate, [BEFORE_KEY]: noted, ...metadata } = live.config.metadata ?? {}
  const before = (noted === undefined ? live.config : JSON.parse(noted)) as Pick<
    StreamConfig,
    'subjects' | 'max_msgs' | 'max_bytes'
  >
  const { subjects = [], max_msgs, max_bytes } = before
  const putBack = { subjects, max_msgs, max_bytes }
  const drained: string[] = []
  let marker: number | undefined
  // Of a run that was cut off, and not whole.
  if (await findStream(manager, copy)) await manager.streams.delete(copy)
  await manager.streams.add({
    ...mirrorOf(live.config, name),
    name: copy,
    storage: StorageType.File,
    max_age: 0,
    max_msgs: -1,
    ...(live.config.max_bytes > 0 && { max_bytes: live.config.max_bytes + MARKER_BYTES }),
    metadata: { [INCARNATION_KEY]: incarnationOf(live) },
  })
  try {
    const gate = { [MIGRATING_KEY]: copy, [BEFORE_KEY]: JSON.stringify(putBack) }
    await manager.streams.update(name, { metadata: { ...metadata, ...gate } })
    await nearlyCaughtUp(manager, copy, name, patience)
    const consumers = (await listConsumers(client, name)).filter(({ config }) => config.durable_name !== undefined)
    drained.push(...consumers.map((info) => info.name))
    const results = await Promise.allSettled(consumers.map((info) => drainConsumer(manager, info, patience)))
    const failed = results.find((result) => result.status === 'rejected')
    if (failed) throw failed.reason
    const positions = results
      .filter((result) => result.status === 'fulfilled')
      .map(({ value: { info, settledUpTo } }) => startingAt(info.config, settledUpTo + 1))
    // From here on publishers are told that no stream stores their message.
    await manager.streams.update(name, { subjects: [markerSubject(name)], ...withRoom(before) })
    marker = await markEnd(manager, name)
    await caughtUp(manager, copy, await manager.streams.info(name), patience, 'all is as before')
    const { config } = await manager.streams.info(copy)
    await release(manager, copy, {
      ...config,
      subjects: [markerSubject(copy)],
      metadata: { ...config.metadata, [CONSUMERS_KEY]: JSON.stringify(positions), [MARKER_KEY]: String(marker) },
    })
  } catch (error) {
    await manager.streams.update(name, { ...putBack, metadata }).catch(() => undefined)
    await Promise.allSettled(drained.map((consumer) => resumeConsumer(manager, name, consumer)))
    if (marker !== undefined) await manager.streams.deleteMessage(name, marker, false).catch(() => undefined)
    await manager.streams.delete(copy).catch(() => undefined)
    throw error
  }
}

/**
 * A mirror knows the sequence of its last message, but none after it: of those that were deleted, or expired.
 *
 * @returns the sequence of the message that is now the last one; of an earlier run where that one's still is.
 */
async function markEnd(manager: JetStreamManager, name: string): Promise<number> {
  const subject = markerSubject(name)
  const { state } = await manager.streams.info(name, { subjects_filter: subject })
  // Nothing else was stored since: the stream takes this subject alone.
  if (state.subjects?.[subject] !== undefined) return state.last_seq
  return (await manager.jetstream().publish(subject, 'the last one before the migration')).seq
}

/** While messages come and go: the bulk of them is over, so that publishers wait for the rest alone. */
async function nearlyCaughtUp(
  manager: JetStreamManager,
  copy: string,
  name: string,
  patience: Patience,
): Promise<void> {
  for (;;) {
    const [{ state: there }, { state: here }] = [await manager.streams.info(copy), await manager.streams.info(name)]
    if (there.messages >= here.messages * NEARLY) return
    if (patience.isOver)
      throw late(`${copy} has ${there.messages} of ${here.messages} messages`, patience, 'all is as before')
    await sleep(LOOK_MS)
  }
}
