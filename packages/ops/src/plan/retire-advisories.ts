import type { Channel, Contracts } from '@alarm-bus/contracts'
import { DeadLetterReason, errorText, KitError, KitErrorCode } from '@alarm-bus/nats-kit'
import { listConsumers, storeDeadLetter, storedOriginal, StoredSender } from '@alarm-bus/nats-kit/admin'
import type { StoredMsg, StreamInfo } from '@nats-io/jetstream'
import { type Advisory, readAdvisory } from './advisory.ts'
import { findStream } from './find.ts'
import type { Patience } from './patience.ts'
import type { Change } from './plan.ts'
import { channelOf, limitedOf, readersOf } from './plan-advisories.ts'
import { PlanError } from './plan-error.ts'
import type { Migrator } from './session.ts'

const RIGHTS = 'give the broker the files that `pnpm ops permissions` writes and nats.migrator.conf'

/** What became of the advisories of a stream. */
interface Counts {
  /** Dead letters with the original, and without it. */
  stored: number
  lost: number
  /** The kit ended the message itself, after it had stored the dead letter. */
  known: number
  /** The message left the stream by a limit, a purge or its time to live: there is nothing left to keep. */
  removed: number
  /** Of consumers that no app made, or not to be read. */
  foreign: number
}

/**
 * Makes dead letters of what a stream of advisories still holds, and removes it with its readers. Before that the server
 * is told to give up nothing any more, so that no advisory is missed.
 *
 * An advisory is removed after its dead letter is stored, and the broker keeps one dead letter a message and consumer. So
 * a run that was cut off is made up for by the next.
 *
 * @returns what became of them, for people.
 * @throws PlanError `unfinished` when the stream has a reader, or advisories go on coming for too long; what was done until then
 * stays done. KitError as `storeDeadLetter` does.
 */
export async function retireAdvisories(
  { connection, manager }: Migrator,
  { stream, of }: Extract<Change, { action: 'retire' }>,
  contracts: Contracts,
  patience: Patience,
): Promise<string | undefined> {
  const { client } = connection
  await assertUnread(client, stream)
  for (const { consumer } of limitedOf(contracts, of, await listConsumers(client, of)))
    await manager.consumers.update(of, consumer, { max_deliver: -1 })
  const counts: Counts = { stored: 0, lost: 0, known: 0, removed: 0, foreign: 0 }
  const sender = new StoredSender(connection)
  try {
    const live = await findStream(manager, of)
    while (await drain(live)) {
      if (patience.isInterrupted) throw new PlanError('interrupted', `${stream} is read in part; it stays`)
      if (patience.isOver) throw new PlanError('unfinished', `${stream} goes on getting advisories; it stays`)
    }
  } catch (error) {
    throw isDenied(error) ? new PlanError('unfinished', `${errorText(error)}; ${RIGHTS}`, { cause: error }) : error
  } finally {
    await sender.close()
  }
  // An instance may have been started meanwhile, and would be left without what it reads.
  await assertUnread(client, stream)
  await manager.streams.delete(stream)
  return describe(counts)

  /** What is there now; false when there is nothing. */
  async function drain(live: StreamInfo | undefined): Promise<boolean> {
    const { state } = await manager.streams.info(stream)
    if (state.messages === 0) return false
    for (let seq = state.first_seq; seq <= state.last_seq; seq++) {
      const stored = await manager.streams.getMessage(stream, { seq })
      if (!stored) continue
      await keep(readAdvisory(stored), live)
      await manager.streams.deleteMessage(stream, seq, false)
    }
    return true
  }

  async function keep(advisory: Advisory | undefined, live: StreamInfo | undefined): Promise<void> {
    const channel = advisory && channelOf(contracts, of, advisory.consumer)
    if (!advisory || !channel || advisory.stream !== of) return void counts.foreign++
    if (advisory.end === 'settled') return void counts.known++
    if (advisory.end === 'removed') return void counts.removed++
    const found = live && (await manager.streams.getMessage(of, { seq: advisory.seq }))
    const kept = found && isMeant(found, advisory, channel, live) ? storedOriginal(found) : undefined
    await storeDeadLetter(connection, sender, {
      reason: advisory.end === 'given_up' ? DeadLetterReason.NeverSettled : DeadLetterReason.TerminatedElsewhere,
      error: advisory.error,
      issues: [],
      channel: channel.name,
      subject: channel.subject,
      stream: of,
      seq: advisory.seq,
      // As the kits did, so that one that was stored by them is known.
      letterNanos: kept?.storedNanos ?? '0',
      consumer: advisory.consumer,
      deliveryCount: advisory.deliveries,
      original: kept?.original,
    })
    if (kept) counts.stored++
    else counts.lost++
  }
}

/**
 * Whether it is the message that the advisory is about. A stream that was deleted and made again counts its sequences from
 * one: what has that number now is another message, which was stored after the advisory.
 */
function isMeant(found: StoredMsg, advisory: Advisory, { subject }: Channel, { created }: StreamInfo): boolean {
  if (found.subject !== subject) return false
  // Servers' clocks differ a little: one that is made again is younger than the advisory by its own date as well.
  return found.time.getTime() <= advisory.atMs || Date.parse(created) <= advisory.atMs
}

function isDenied(error: unknown): boolean {
  return KitError.is(error, KitErrorCode.PermissionDenied) || /permissions violation/i.test(errorText(error))
}

async function assertUnread(client: Migrator['connection']['client'], stream: string): Promise<void> {
  const readers = readersOf(await listConsumers(client, stream))
  if (readers.length === 0) return
  throw new PlanError(
    'unfinished',
    `instances with a kit before 1.0 read ${stream} (${readers.join(', ')}); it stays until they have stopped`,
  )
}

function describe({ stored, lost, known, removed, foreign }: Counts): string | undefined {
  const parts = [
    [stored, 'dead letters'],
    [lost, 'dead letters whose message has left the stream'],
    [known, 'that had their dead letter'],
    [removed, 'of messages that a limit or a purge had removed'],
    [foreign, 'of consumers that no app made'],
  ] as const
  const said = parts.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}`)
  return said.length === 0 ? undefined : said.join(', ')
}
