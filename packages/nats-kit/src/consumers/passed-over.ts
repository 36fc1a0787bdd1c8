import type { ConsumerInfo, JetStreamManager, StreamInfo } from '@nats-io/jetstream'
import { errorText } from '../errors.ts'
import type { Logger } from '../logger.ts'
import { incarnationOf } from '../streams/incarnation.ts'

/** The key in a consumer's metadata that says from where it has to deliver again, as long as that is not done. */
const RESUME_KEY = 'alarm-bus.resume-at'

/** Where a consumer is asked to begin again at a sequence. Known to nats-server from 2.14. */
export function resetSubject(stream: string, consumer: string): string {
  return `$JS.API.CONSUMER.RESET.${stream}.${consumer}`
}

/**
 * What is noted with the change that puts a filter right: with the wrong one the consumer went past messages of its own,
 * so it has to go back. In the same request, so that a process that dies behind it leaves the next one the note.
 */
export function resumeNote(stream: StreamInfo, sequence: number): Record<string, string> {
  return { [RESUME_KEY]: JSON.stringify([incarnationOf(stream), sequence]) }
}

/** Whether something is noted. */
export function mustResume({ config }: ConsumerInfo): boolean {
  return config.metadata?.[RESUME_KEY] !== undefined
}

/** Where the consumer has to begin again; undefined where nothing is noted, or it was of another stream of that name. */
export function resumeAt(info: ConsumerInfo, stream: StreamInfo): number | undefined {
  const text = info.config.metadata?.[RESUME_KEY]
  if (text === undefined) return undefined
  try {
    const [incarnation, sequence] = JSON.parse(text) as [string, number]
    return incarnation === incarnationOf(stream) && Number.isSafeInteger(sequence) ? sequence : undefined
  } catch {
    return undefined
  }
}

export interface Resumed {
  readonly info: ConsumerInfo
  /** Undefined when it was done: why not, and what to do. */
  readonly trouble?: string
}

/**
 * Has the consumer deliver from `sequence` on once more. What was settled behind it is handled again: a message twice
 * rather than none at all.
 */
export async function resume(
  manager: JetStreamManager,
  info: ConsumerInfo,
  sequence: number,
  logger: Logger,
): Promise<Resumed> {
  const { stream_name: stream, name: consumer } = info
  const passed = { stream, consumer, from: sequence, to: info.delivered.stream_seq }
  try {
    const reset = await manager.consumers.reset(stream, consumer, sequence)
    logger.error(
      { event: 'filterRepaired', ...passed, messages: Math.max(0, reset.num_pending - info.num_pending) },
      'the consumer had another filter and went past messages of its own; it begins again before them, so some are handled twice',
    )
    const { [RESUME_KEY]: _, ...metadata } = info.config.metadata ?? {}
    return { info: await manager.consumers.update(stream, consumer, { metadata }) }
  } catch (error) {
    const trouble =
      `messages between ${passed.from} and ${passed.to} of ${stream} were passed over while the consumer had another filter, ` +
      `and it cannot be reset (${errorText(error)}); let this app's user publish on ${resetSubject(stream, consumer)} ` +
      `(\`pnpm ops permissions\`), or reset the consumer to ${passed.from} with an administrator's user`
    return { info, trouble }
  }
}
