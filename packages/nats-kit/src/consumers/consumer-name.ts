import type { Channel } from '@alarm-bus/contracts'
import type { SubscriberSettings } from './options.ts'

/**
 * The consumer's name: `<app>_<channel>`, shared by all instances; or `<app>_<channel>_<instance>`, one's own. The same
 * after every start, so none is left behind.
 */
export function consumerName(settings: SubscriberSettings, channel: Channel): string {
  const shared = settings.delivery === 'queue-group' && settings.lifetime === 'durable'
  return shared
    ? sharedConsumerName(settings.app, channel)
    : instanceConsumerName(settings.app, channel, settings.instanceId)
}

/** The durable that all instances of an app share: `<app>_<channel>`. */
export function sharedConsumerName(app: string, channel: Channel): string {
  return `${app}_${channel.name}`
}

/** The consumer of one instance of an app: `<app>_<channel>_<instance>`. */
export function instanceConsumerName(app: string, channel: Channel, instanceId: string): string {
  return `${sharedConsumerName(app, channel)}_${instanceId}`
}
