import type { Contracts } from '@alarm-bus/contracts'
import { JetStreamApiError, type JetStreamManager, jetstreamManager } from '@nats-io/jetstream'
import type { Connection } from '../connection/connection.ts'
import { JetStreamCode } from '../jetstream-codes.ts'
import { unanswered } from '../streams/unanswered.ts'
import { findOrphans, type FindOrphansOptions, type Orphan, orphanOf, OrphanReason } from './find-orphans.ts'

export interface PruneOptions extends FindOrphansOptions {
  /** Look, and remove nothing. Default true. */
  readonly dryRun?: boolean
  /** Also those without the kit's tag. Default false: another tool may have made them for a reason. */
  readonly untagged?: boolean
  /** Told of each as soon as it is done, so that a later failure does not hide it. */
  readonly onPruned?: (pruned: PrunedConsumer) => void
}

/** `kept` says why in `because`. What a removed consumer had not read stays in the stream. */
export type PrunedConsumer = Orphan &
  (
    | { readonly action: 'removed' | 'would be removed' }
    | { readonly action: 'kept'; readonly because: 'in use' | 'untagged' }
  )

/**
 * Removes the consumers that `findOrphans` finds, and none that is in use: each is looked up once more right before.
 * Needs the right to delete consumers, as an administrator has it.
 *
 * @throws KitError `permission_denied`, `broker_unavailable`.
 */
export async function pruneConsumers(
  connection: Connection,
  contracts: Contracts,
  knownApps: readonly string[],
  options: PruneOptions = {},
): Promise<readonly PrunedConsumer[]> {
  const manager = await jetstreamManager(connection.client, { checkAPI: false, timeout: 5_000 })
  const done: PrunedConsumer[] = []
  for (const found of await findOrphans(connection, contracts, knownApps, options)) {
    const pruned = await prune(connection, manager, found, knownApps, options)
    if (!pruned) continue
    done.push(pruned)
    options.onPruned?.(pruned)
  }
  return done
}

async function prune(
  connection: Connection,
  manager: JetStreamManager,
  found: Orphan,
  knownApps: readonly string[],
  options: PruneOptions,
): Promise<PrunedConsumer | undefined> {
  if (found.inUse) return { ...found, action: 'kept', because: 'in use' }
  if (found.reason === OrphanReason.Untagged && !options.untagged)
    return { ...found, action: 'kept', because: 'untagged' }
  if (options.dryRun ?? true) return { ...found, action: 'would be removed' }
  const { stream, consumer } = found
  try {
    const orphan = orphanOf(await manager.consumers.info(stream, consumer), knownApps, options)
    if (!orphan) return undefined
    if (orphan.inUse) return { ...orphan, action: 'kept', because: 'in use' }
    await manager.consumers.delete(stream, consumer)
    connection.logger.info({ event: 'consumerPruned', ...orphan }, 'consumer without an owner removed')
    return { ...orphan, action: 'removed' }
  } catch (error) {
    // Another run was first.
    if (error instanceof JetStreamApiError && error.code === JetStreamCode.ConsumerNotFound) return undefined
    throw unanswered(`consumer ${consumer} of ${stream} cannot be removed`, error)
  }
}
