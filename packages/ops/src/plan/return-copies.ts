import type { Contracts } from '@alarm-bus/contracts'
import { DeadLetterReason } from '@alarm-bus/nats-kit'
import {
  originalOfCopy,
  readHeaderBlock,
  redriveFilter,
  storeDeadLetter,
  storedOriginal,
  StoredSender,
} from '@alarm-bus/nats-kit/admin'
import { JetStreamApiError, type StoredMsg } from '@nats-io/jetstream'
import type { Patience } from './patience.ts'
import type { Change } from './plan.ts'
import { channelOf } from './plan-advisories.ts'
import { PlanError } from './plan-error.ts'
import type { Migrator } from './session.ts'

/** The server's code for a message that is not there. */
const MESSAGE_NOT_FOUND = 10037

/**
 * Makes dead letters again of redriven messages without a reader. A message is removed after its letter is stored, and the
 * broker keeps one letter a copy, so a run that was cut off is made up for by the next.
 *
 * @returns how many, for people.
 * @throws PlanError `interrupted`; KitError as `storeDeadLetter` does.
 */
export async function returnCopies(
  { connection, manager }: Migrator,
  { stream, of, consumer }: Extract<Change, { action: 'return' }>,
  contracts: Contracts,
  patience: Patience,
): Promise<string> {
  const sender = new StoredSender(connection)
  let returned = 0
  try {
    for (let seq = 1; ;) {
      const found = await next(seq)
      if (!found) return `${returned} dead letters`
      if (patience.isInterrupted) throw new PlanError('interrupted', `${returned} are dead letters again, others wait`)
      await keep(found)
      await manager.streams.deleteMessage(stream, found.seq, false)
      returned++
      seq = found.seq + 1
    }
  } finally {
    await sender.close()
  }

  async function next(seq: number): Promise<StoredMsg | undefined> {
    // The server knows this query, the client's types do not.
    const query: { readonly seq: number } = { seq, ...{ next_by_subj: redriveFilter(of, consumer) } }
    try {
      return (await manager.streams.getMessage(stream, query)) ?? undefined
    } catch (error) {
      if (error instanceof JetStreamApiError && error.code === MESSAGE_NOT_FOUND) return undefined
      throw error
    }
  }

  async function keep(copy: StoredMsg): Promise<void> {
    // `redrive.<stream>.<consumer>.<sequence>.<nanos>.<count>`
    const [, , , seq = '', storedNanos = '', count = ''] = copy.subject.split('.')
    const { original, storedNanos: letterNanos } = storedOriginal(copy)
    const channel = channelOf(contracts, of, consumer)
    await storeDeadLetter(connection, sender, {
      reason: DeadLetterReason.RedriveUnread,
      error: 'redriven, and its consumer was removed before it read it',
      issues: [],
      // Of a channel that is gone the consumer's name is what is left.
      channel: channel?.name ?? consumer.split('_')[1] ?? consumer,
      subject: channel?.subject ?? 'unknown',
      stream: of,
      seq: Number(seq),
      letterNanos,
      consumer,
      deliveryCount: 0,
      redriven: { count: Number(count), stream: of, seq: Number(seq), storedNanos },
      original: originalOfCopy(readHeaderBlock(original.headerBytes), original.data),
    })
  }
}
