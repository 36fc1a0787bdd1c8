import { type ConsumerConfig, DeliverPolicy } from '@nats-io/jetstream'
import { startOf } from '../watchdog/consumer-identity.ts'

/**
 * The key in a consumer's metadata under which whoever makes it says: all before its first sequence was settled. Without
 * it, one that begins later than what an app knows as settled has passed over the messages between.
 */
const SETTLED_BEFORE_KEY = 'alarm-bus.settled-before'

/** The key of one that `pnpm ops apply` holds to its declaration: it knows of no app's progress, and what it leaves is left. */
export const OF_DECLARATION_KEY = 'alarm-bus.of-declaration'

/** Noted with a consumer that is made of its declaration, to begin with all that is stored. */
export const OF_DECLARATION: Readonly<Record<string, string>> = { [OF_DECLARATION_KEY]: 'all' }

export function isOfDeclaration({ metadata }: Partial<ConsumerConfig>): boolean {
  return metadata?.[OF_DECLARATION_KEY] !== undefined
}

/** The same consumer with another beginning. */
export function beginningAt(config: Partial<ConsumerConfig>, sequence: number): Partial<ConsumerConfig> {
  const { opt_start_time: _, ...rest } = config
  return { ...rest, deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: sequence }
}

/** Noted with a consumer that is made to begin at `sequence`, after everything that was settled. */
export function settledBeforeNote(sequence: number): Record<string, string> {
  return { [SETTLED_BEFORE_KEY]: String(sequence) }
}

/** Whether who made the consumer knew that everything before its beginning was settled; a copied note tells another sequence. */
export function beginsAfterSettled(config: Partial<ConsumerConfig>): boolean {
  const noted = config.metadata?.[SETTLED_BEFORE_KEY]
  return noted !== undefined && noted === String(startOf(config))
}
