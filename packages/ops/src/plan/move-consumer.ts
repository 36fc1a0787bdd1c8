import {
  AckPolicy,
  type ConsumerConfig,
  type ConsumerInfo,
  DeliverPolicy,
  type JetStreamManager,
} from '@nats-io/jetstream'
import { drainConsumer, resumeConsumer, undrained } from './drain-consumer.ts'
import { findConsumer } from './find.ts'
import type { Patience } from './patience.ts'
import type { FieldUpdate } from './plan.ts'

/** Where the gap watch notes a position, and of which consumer; it counts deliveries, which start again. */
const NOTES = new Set(['alarm-bus.position', 'alarm-bus.position-of'])
const TARGET_KEY = 'alarm-bus.moves'
/** Says that all before the beginning was settled, so that an app that knows of less does not go back. */
const SETTLED_BEFORE_KEY = 'alarm-bus.settled-before'

/**
 * Gives a consumer what the server does not let it be given, under the same name: one with the new configuration takes
 * its place, and begins after the last message that was settled. Nothing is lost, and nothing comes twice.
 *
 * The position is held meanwhile by a paused consumer beside it, `<name>_moving`: a run that was cut off between the end
 * of one and the beginning of the other is made up for by the next.
 *
 * @throws PlanError `not_settled` or `interrupted` while the consumer's messages are not settled; then nothing was changed.
 */
export async function moveConsumer(
  manager: JetStreamManager,
  stream: string,
  name: string,
  fields: readonly FieldUpdate[],
  patience: Patience,
): Promise<void> {
  const holder = movingName(name)
  const left = await findConsumer(manager, stream, holder)
  const live = await findConsumer(manager, stream, name)
  if (left && !live) return finish(JSON.parse(left.config.metadata?.[TARGET_KEY] ?? '{}') as Partial<ConsumerConfig>)
  // Cut off before anything was taken away, or when all was done.
  if (left) await manager.consumers.delete(stream, holder)
  if (!live) throw new Error(`${name} of ${stream} no longer exists`)

  const { settledUpTo } = await drainConsumer(manager, live, patience)
  const target = startingAt(withFields(live, fields), settledUpTo + 1)
  const { metadata, ...position } = startingAt(
    { filter_subject: live.config.filter_subject as string },
    settledUpTo + 1,
  )
  // A work queue has one reader a message; what is settled is gone, so there is no position to hold.
  const isQueue = (await manager.streams.info(stream)).config.retention === 'workqueue'
  try {
    if (!isQueue) {
      await manager.consumers.add(stream, {
        ...position,
        durable_name: holder,
        ack_policy: AckPolicy.Explicit,
        pause_until: new Date(Date.now() + 365 * 24 * 3_600_000).toISOString(),
        metadata: { ...metadata, [TARGET_KEY]: JSON.stringify(target) },
      })
    }
    await manager.consumers.delete(stream, name)
  } catch (error) {
    // What holds the position goes only where the consumer is seen to be there.
    await resumeConsumer(manager, stream, name)
      .then(() => manager.consumers.delete(stream, holder))
      .catch(() => undefined)
    throw error
  }
  await finish(isQueue ? atTheBeginning(target) : target)

  async function finish(config: Partial<ConsumerConfig>): Promise<void> {
    await manager.consumers.add(stream, config)
    if (await findConsumer(manager, stream, holder)) await manager.consumers.delete(stream, holder)
  }
}

/** What holds the position of a consumer that is being moved. */
export function movingName(consumer: string): string {
  return `${consumer}_moving`
}

export function isMoving(consumer: string): boolean {
  return consumer.endsWith('_moving')
}

/** The configuration with a beginning of its own, as it is given to a consumer that is made. */
export function startingAt(config: Partial<ConsumerConfig>, sequence: number): Partial<ConsumerConfig> {
  const { opt_start_time: _, metadata = {}, ...rest } = undrained(config)
  const own = Object.entries(metadata).filter(([key]) => !NOTES.has(key) && !key.startsWith('_nats.'))
  return {
    ...rest,
    deliver_policy: DeliverPolicy.StartSequence,
    opt_start_seq: sequence,
    metadata: { ...Object.fromEntries(own), [SETTLED_BEFORE_KEY]: String(sequence) },
  }
}

function atTheBeginning(config: Partial<ConsumerConfig>): Partial<ConsumerConfig> {
  const { opt_start_seq: _, ...rest } = config
  return { ...rest, deliver_policy: DeliverPolicy.All }
}

function withFields({ config }: ConsumerInfo, fields: readonly FieldUpdate[]): Partial<ConsumerConfig> {
  // A run that was cut off may have left it drained.
  const changed: Record<string, unknown> = { ...undrained(config) }
  for (const { field, after } of fields) {
    if (after === null) delete changed[field]
    else changed[field] = after
  }
  // A bound of consumers that pull, and refused on others.
  if (changed['deliver_subject'] !== undefined) delete changed['max_waiting']
  return changed as Partial<ConsumerConfig>
}
