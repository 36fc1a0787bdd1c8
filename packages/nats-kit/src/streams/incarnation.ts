import type { StreamInfo } from '@nats-io/jetstream'

/** The keys in a stream's metadata while it is migrated, and ever after. */
export const MIGRATING_KEY = 'alarm-bus.migrating'
export const INCARNATION_KEY = 'alarm-bus.incarnation'

/**
 * Which stream of its name it is: the moment it was made. One that was deleted and recreated is another stream, whose
 * sequences count from one again. One that was migrated has the messages of the one before under their sequences, so it
 * goes on being that one.
 */
export function incarnationOf({ created, config }: Pick<StreamInfo, 'created' | 'config'>): string {
  return config.metadata?.[INCARNATION_KEY] ?? created
}

/** Its consumers are being carried over; one that an app made meanwhile would begin at the wrong place. */
export function isMigrating({ config }: Pick<StreamInfo, 'config'>): boolean {
  return config.metadata?.[MIGRATING_KEY] !== undefined
}

/** Where a stream's messages are while it is migrated. */
export function migrationName(stream: string): string {
  return `${stream}_MIGRATION`
}
