import type { ConsumerConfig, ConsumerInfo, JetStreamManager, StreamInfo } from '@nats-io/jetstream'
import { nuid } from '@nats-io/transport-node'
import type { Connection } from '../connection/connection.ts'
import { errorText } from '../errors.ts'
import { incarnationOf } from '../streams/incarnation.ts'
import { startOf, WENT_BACK_KEY } from '../watchdog/consumer-identity.ts'
import { beginningAt, settledBeforeNote } from './consumer-beginning.ts'
import { changeNotes, type NotedConsumer } from './note-record.ts'

/** The key in a consumer's notes that says from where it has to deliver again, as long as that is not done. */
const RESUME_KEY = 'alarm-bus.resume-at'

/** Why a consumer went past messages of its own. */
export type PassedOverBy = 'filter' | 'move'

export interface ResumeAt {
  readonly sequence: number
  readonly by: PassedOverBy
}

/** Where a consumer is asked to begin again at a sequence. Known to nats-server from 2.14. */
export function resetSubject(stream: string, consumer: string): string {
  return `$JS.API.CONSUMER.RESET.${stream}.${consumer}`
}

/**
 * What is noted of a consumer that went past messages of its own and has to go back: before a filter is put right, so
 * that a process that dies behind it leaves the next one the note.
 */
export function resumeNote(stream: StreamInfo, { sequence, by }: ResumeAt): Record<string, string> {
  return { [RESUME_KEY]: JSON.stringify([incarnationOf(stream), sequence, by]), [WENT_BACK_KEY]: nuid.next() }
}

/** Whether something is noted. */
export function mustResume({ notes }: NotedConsumer): boolean {
  return notes[RESUME_KEY] !== undefined
}

/** Where the consumer has to begin again; undefined where nothing is noted, or it was of another stream of that name. */
export function resumeAt({ notes }: NotedConsumer, incarnation: string): ResumeAt | undefined {
  const text = notes[RESUME_KEY]
  if (text === undefined) return undefined
  try {
    // An older kit notes no cause: it knew of one.
    const [noted, sequence, by = 'filter'] = JSON.parse(text) as [string, number, PassedOverBy?]
    return noted === incarnation && Number.isSafeInteger(sequence) ? { sequence, by } : undefined
  } catch {
    return undefined
  }
}

/**
 * Has the consumer deliver from `sequence` on once more. What was settled behind it is handled again: a message twice
 * rather than none at all. The server resets no consumer to before its own beginning; such a one is made again, where
 * this app's user may delete it.
 *
 * @param declared what one that is made again is made of.
 * @returns the consumer, and how many messages it delivers that it did not before.
 * @throws what the client throws.
 */
export async function goBack(
  connection: Connection,
  manager: JetStreamManager,
  info: NotedConsumer,
  sequence: number,
  declared: Partial<ConsumerConfig>,
): Promise<{ readonly info: NotedConsumer; readonly messages: number }> {
  const { stream_name: stream, name } = info
  const done = { [RESUME_KEY]: undefined }
  if (canReset(info, sequence)) {
    const reset = await manager.consumers.reset(stream, name, sequence)
    return { info: await changeNotes(connection, reset, () => done), messages: more(reset, info) }
  }
  await manager.consumers.delete(stream, name)
  const metadata = { ...info.config.metadata, ...settledBeforeNote(sequence) }
  const made = await manager.consumers.add(stream, beginningAt({ ...declared, metadata }, sequence))
  return { info: await changeNotes(connection, made, () => ({ ...info.notes, ...done })), messages: more(made, info) }
}

function more(after: ConsumerInfo, before: ConsumerInfo): number {
  return Math.max(0, after.num_pending - before.num_pending)
}

function canReset({ config }: ConsumerInfo, sequence: number): boolean {
  const beginning = startOf(config)
  return beginning !== undefined && beginning <= sequence
}

/** Why it could not go back, and what to do. */
export function describeTrouble(info: ConsumerInfo, { sequence, by }: ResumeAt, error: unknown): string {
  const { stream_name: stream, name } = info
  const cause = by === 'filter' ? 'while the consumer had another filter' : 'when something else moved the consumer on'
  const wayOut = canReset(info, sequence)
    ? `let this app's user publish on ${resetSubject(stream, name)} (\`pnpm ops permissions\`), or reset the consumer to ${sequence} with an administrator's user`
    : `delete the consumer with an administrator's user while the app runs, then run \`pnpm ops apply\` if the app may not make it again: it begins at ${sequence}`
  const passed = `messages between ${sequence} and ${info.delivered.stream_seq} of ${stream} were passed over ${cause}`
  return `${passed}, and it cannot go back (${errorText(error)}); ${wayOut}`
}
