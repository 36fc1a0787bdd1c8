import type { Channel } from '@alarm-bus/contracts'
import type { SubscriberSettings } from './options.ts'

/**
 * The consumer's name: `<app>_<channel>`, shared by all instances; or `<app>_<channel>_<instance>`, one's own. The same
 * after every start, so none is left behind.
 */
export function consumerName(settings: SubscriberSettings, channel: Channel): string {
  const shared = settings.delivery === 'queue-group' && settings.lifetime === 'durable'
  const name = sharedConsumerName(settings.app, channel)
  return shared ? name : `${name}_${settings.instanceId}`
}

/** The durable that all instances of an app share: `<app>_<channel>`. */
export function sharedConsumerName(app: string, channel: Channel): string {
  return `${app}_${channel.name}`
}
