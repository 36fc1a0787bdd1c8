import {
  type DeclaredStreamConfig,
  INCARNATION_KEY,
  incarnationOf,
  isMigrating,
  listConsumers,
  MIGRATING_KEY,
  migrationName,
} from '@alarm-bus/nats-kit/admin'
import { type ConsumerConfig, JetStreamApiError, type JetStreamManager, type StreamInfo } from '@nats-io/jetstream'
import { CONSUMERS_KEY, copyAway, isWhole, MARKER_KEY } from './copy-away.ts'
import { findStream } from './find.ts'
import { caughtUp, markerSubject, mirrorOf, release, withRoom } from './mirror.ts'
import { Patience } from './patience.ts'
import { PlanError } from './plan-error.ts'
import type { Migrator } from './session.ts'

type Client = Migrator['connection']['client']

/** How long the messages may take to come back. */
const BACK_MS = 10 * 60_000
/** The server's code for a consumer that is not there. */
const CONSUMER_NOT_FOUND = 10014

/**
 * Gives a stream what the server does not let it be given, under the same name. Its messages go to a copy, the stream is
 * recreated, they come back, and its consumers with them. Sequences, times, headers and the ids that are remembered stay.
 *
 * Publishers are refused from the moment the copy is whole until all is back, and try again: what was acknowledged is
 * kept, and no message is stored twice. Consumers are held where all they delivered is settled, and go on after it. The
 * copies follow the stream as mirrors, so everything but the way back is done while it is in use.
 *
 * A run that was cut off is made up for by the next, from the copy where it is whole.
 *
 * @throws PlanError `not_settled` or `interrupted` while its consumers' messages are not settled or the copy not whole;
 * until the stream is deleted all is put back as it was. From then on nothing interrupts it.
 */
export async function migrateStream(
  { manager, connection: { client } }: Migrator,
  declared: DeclaredStreamConfig,
  patience: Patience,
): Promise<void> {
  const { name } = declared
  const copy = migrationName(name)
  if (!isWhole(await findStream(manager, copy))) await copyAway(manager, client, name, patience)
  const stored = (await manager.streams.info(copy)) as StreamInfo
  const live = await findStream(manager, name)
  if (live && !isMigrating(live)) {
    // Back already, and perhaps with more in it than the copy has: what is left is to tidy up.
    if (incarnationOf(live) !== incarnationOf(stored))
      throw new PlanError(
        'blocked',
        `a stream ${name} was made while its messages are in ${copy}; remove one of the two by hand`,
      )
  } else {
    if (live) await endStream(manager, client, name)
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
  await caughtUp(manager, name, stored, new Patience(BACK_MS), `the others are in ${copy}`)
  // Once all is in it: of a consumer that is made before, the server counts as waiting what was settled as well, and an app
  // that sees the number fall takes its consumer for one that was moved. Apps make none until it is released.
  const consumers = stored.config.metadata?.[CONSUMERS_KEY] ?? '[]'
  for (const config of JSON.parse(consumers) as readonly Partial<ConsumerConfig>[])
    await manager.consumers.add(name, config)
  await release(manager, name, { ...declared, ...withRoom(declared), metadata })
}

/**
 * Deletes a stream, its consumers first: a client that waits at one is told that it is gone. The server may drop that word when
 * the consumer goes with its stream, and an app then waits until heartbeats stay away.
 */
async function endStream(manager: JetStreamManager, client: Client, name: string): Promise<void> {
  for (const { name: consumer } of await listConsumers(client, name)) {
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
