import type { Channel } from '@alarm-bus/contracts'
import { CORE_PREFIX } from '../publish/core-publisher.ts'

/** What a listener of the channel subscribes to. */
export function listenerSubject(channel: Channel): string {
  return CORE_PREFIX + channel.subject
}
