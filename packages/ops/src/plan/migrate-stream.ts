import { setTimeout as sleep } from 'node:timers/promises'
import {
  type DeclaredStreamConfig,
  INCARNATION_KEY,
  incarnationOf,
  isMigrating,
  MIGRATING_KEY,
  migrationName,
} from '@alarm-bus/nats-kit/admin'
import {
  type ConsumerConfig,
  type ConsumerInfo,
  DiscardPolicy,
  JetStreamApiError,
  type JetStreamManager,
  RetentionPolicy,
  StorageType,
  type StreamConfig,
  type StreamInfo,
} from '@nats-io/jetstream'
import { type DrainedConsumer, drainConsumer } from './drain-consumer.ts'
import { findStream } from './find.ts'
import { startingAt } from './move-consumer.ts'

/** On the copy: the consumers to be made, each where the one before had got to. It is there once the copy is whole. */
const CONSUMERS_KEY = 'alarm-bus.consumers'
/** On the copy: the sequence of the message that nobody published. */
const MARKER_KEY = 'alarm-bus.marker'
const MARKER_BYTES = 1_024
/** How long the messages may take to come back. */
const BACK_MS = 10 * 60_000
/** Share of a stream's messages that are in the copy before publishers are held up. */
const NEARLY = 0.99
const LOOK_MS = 25
/** The server's code for a consumer that is not there. */
const CONSUMER_NOT_FOUND = 10014

/**
 * Gives a stream what the server does not let it be given, under the same name. Its messages go to a copy, the stream is
 * made anew, they come back, and its consumers with them. Sequences, times, headers and the ids that are remembered stay.
 *
 * Publishers are refused from the moment the copy is whole until all is back, and try again: what was acknowledged is
 * kept, and no message is stored twice. Consumers are held where all they delivered is settled, and go on after it. The
 * copies follow the stream as mirrors, so everything but the way back is done while it is in use.
 *
 * A run that was cut off is made up for by the next, from the copy where it is whole.
 *
 * @throws Error when its consumers' messages are not settled, or the copy not whole, by `deadline`; until the stream is
 * deleted all is put back as it was.
 */
export async function migrateStream(
  manager: JetStreamManager,
  declared: DeclaredStreamConfig,
  deadline: number,
): Promise<void> {
  const { name } = declared
  const copy = migrationName(name)
  if (!isWhole(await findStream(manager, copy))) await copyAway(manager, name, deadline)
  const stored = (await manager.streams.info(copy)) as StreamInfo
  const live = await findStream(manager, name)
  if (live && !isMigrating(live)) {
    // Back already, and perhaps with more in it than the copy has: what is left is to tidy up.
    if (incarnationOf(live) !== incarnationOf(stored))
      throw new Error(`a stream ${name} was made while its messages are in ${copy}; one of the two has to go by hand`)
  } else {
    if (live) await endStream(manager, name)
    await copyBack(manager, declared, stored)
  }
  const marker = Number(stored.config.metadata?.[MARKER_KEY])
  await manager.streams.deleteMessage(name, marker, false).catch((error: unknown) => {
    if (!(error instanceof JetStreamApiError)) throw error
  })
  await manager.streams.update(name, { max_msgs: declared.max_msgs, max_bytes: declared.max_bytes })
  await manager.streams.delete(copy)
}

async function copyBack(manager: JetStreamManager, declared: DeclaredStreamConfig, stored: StreamInfo): Promise<void> {
  const { name } = declared
  const copy = stored.config.name
  const metadata = { ...declared.metadata, [INCARNATION_KEY]: incarnationOf(stored) }
  await manager.streams.add({
    ...mirrorOf(declared, copy),
    ...withRoom(declared),
    metadata: { ...metadata, [MIGRATING_KEY]: copy },
  })
  // There is no way back from here, so it is given time.
  await caughtUp(manager, name, stored, performance.now() + BACK_MS)
  // Once all is in it: of a consumer that is made before, the server counts as waiting what was settled as well, and an app
  // that sees the number fall takes its consumer for one that was moved. Apps make none until it is released.
  const consumers = stored.config.metadata?.[CONSUMERS_KEY] ?? '[]'
  for (const config of JSON.parse(consumers) as readonly Partial<ConsumerConfig>[])
    await manager.consumers.add(name, config)
  await release(manager, name, { ...declared, ...withRoom(declared), metadata })
}

/**
 * Deletes a stream, its consumers first: whoever waits at one is told that it is gone. The server may drop that word when
 * the consumer goes with its stream, and an app then waits until heartbeats stay away.
 */
async function endStream(manager: JetStreamManager, name: string): Promise<void> {
  for (const { name: consumer } of await consumersOf(manager, name)) {
    await manager.consumers.delete(name, consumer).catch((error: unknown) => {
      if (!(error instanceof JetStreamApiError && error.code === CONSUMER_NOT_FOUND)) throw error
    })
  }
  // A stream says one thing after the other, so its answer, whichever it is, comes after what the waiting were told.
  await manager
    .jetstream()
    .publish(markerSubject(name), 'the last one', { retries: 0 })
    .catch(() => undefined)
  await manager.streams.delete(name)
}

function markerSubject(stream: string): string {
  return `migrating.${stream}`
}

/** For one message more, so that the marker takes nobody's place. */
function withRoom({ max_msgs: messages, max_bytes: bytes }: Pick<StreamConfig, 'max_msgs' | 'max_bytes'>) {
  return {
    max_msgs: messages > 0 ? messages + 1 : messages,
    max_bytes: bytes > 0 ? bytes + MARKER_BYTES : bytes,
  }
}

function isWhole(copy: StreamInfo | undefined): boolean {
  return copy?.config.metadata?.[CONSUMERS_KEY] !== undefined
}

async function copyAway(manager: JetStreamManager, name: string, deadline: number): Promise<void> {
  const copy = migrationName(name)
  const live = await manager.streams.info(name)
  const drained: DrainedConsumer[] = []
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
    await manager.streams.update(name, { metadata: { ...live.config.metadata, [MIGRATING_KEY]: copy } })
    await nearlyCaughtUp(manager, copy, name, deadline)
    const consumers = (await consumersOf(manager, name)).filter(({ config }) => config.durable_name !== undefined)
    const results = await Promise.allSettled(consumers.map((info) => drainConsumer(manager, info, deadline)))
    for (const result of results) if (result.status === 'fulfilled') drained.push(result.value)
    const failed = results.find((result) => result.status === 'rejected')
    if (failed) throw failed.reason
    const positions = drained.map(({ info, settledUpTo }) => {
      const before = consumers.find((one) => one.name === info.name) as ConsumerInfo
      return startingAt(before.config, settledUpTo + 1)
    })
    // From here on publishers are told that nobody stores their message.
    await manager.streams.update(name, { subjects: [markerSubject(name)], ...withRoom(live.config) })
    // A mirror knows the sequence of its last message, but none after it: of those that were deleted, or expired.
    const { seq } = await manager.jetstream().publish(markerSubject(name), 'the last one before the migration')
    await caughtUp(manager, copy, await manager.streams.info(name), deadline)
    const { config } = await manager.streams.info(copy)
    await release(manager, copy, {
      ...config,
      subjects: [markerSubject(copy)],
      metadata: { ...config.metadata, [CONSUMERS_KEY]: JSON.stringify(positions), [MARKER_KEY]: String(seq) },
    })
  } catch (error) {
    const { [MIGRATING_KEY]: _gate, ...metadata } = live.config.metadata ?? {}
    const { subjects = [], max_msgs, max_bytes } = live.config
    await manager.streams.update(name, { subjects, max_msgs, max_bytes, metadata }).catch(() => undefined)
    await Promise.allSettled(drained.map(({ resume }) => resume()))
    await manager.streams.delete(copy).catch(() => undefined)
    throw error
  }
}

/** A mirror keeps sequences and times, which `sources` would give anew. It takes no subjects and no batches. */
function mirrorOf(config: DeclaredStreamConfig | StreamConfig, origin: string): StreamConfig {
  const { subjects: _, allow_atomic: __, allow_batched: ___, ...rest } = config
  return {
    ...rest,
    retention: RetentionPolicy.Limits,
    discard: DiscardPolicy.Old,
    mirror: { name: origin },
  } as StreamConfig
}

/** From a mirror to a stream of its own. The client's update would keep what is left out, so the server is asked itself. */
async function release(
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

async function caughtUp(manager: JetStreamManager, name: string, origin: StreamInfo, deadline: number): Promise<void> {
  for (;;) {
    const { state } = await manager.streams.info(name)
    if (state.last_seq >= origin.state.last_seq) return
    if (performance.now() > deadline)
      throw new Error(
        `${name} has ${state.last_seq} of ${origin.state.last_seq} messages; it takes longer than allowed`,
      )
    await sleep(LOOK_MS)
  }
}

/** While messages come and go: the bulk of them is over, so that publishers wait for the rest alone. */
async function nearlyCaughtUp(manager: JetStreamManager, copy: string, name: string, deadline: number): Promise<void> {
  for (;;) {
    const [{ state: there }, { state: here }] = [await manager.streams.info(copy), await manager.streams.info(name)]
    if (there.messages >= here.messages * NEARLY) return
    if (performance.now() > deadline)
      throw new Error(`${copy} has ${there.messages} of ${here.messages} messages; it takes longer than allowed`)
    await sleep(LOOK_MS)
  }
}

async function consumersOf(manager: JetStreamManager, stream: string): Promise<readonly ConsumerInfo[]> {
  const found: ConsumerInfo[] = []
  for await (const info of manager.consumers.list(stream)) found.push(info)
  return found
}
