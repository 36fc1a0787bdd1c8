import type { App, Contracts } from '@alarm-bus/contracts'
import { AckPolicy, type ConsumerConfig } from '@nats-io/jetstream'
import { inboxPrefixOf } from '../connection/client-options.ts'
import { redriveConsumerName, redriveFilter, redriveStreamName } from '../streams/companion-streams.ts'
import { deliverSubject } from './consumer-config.ts'
import { instanceConsumerName, sharedConsumerName } from './consumer-name.ts'
import { DEFAULT_IDLE_HEARTBEAT_MS } from './options.ts'

/** A consumer that an app makes for itself when it starts, as far as the code knows it. */
export interface DeclaredConsumer {
  readonly stream: string
  readonly name: string
  readonly app: string
  readonly channel: string
  /** Of `DELIVERY=fan-out`, undefined for the one that all instances share. */
  readonly instance: number | undefined
  /**
   * What the declaration settles, in the server's names and units. Waits, bounds and pull or push come from each
   * deployment's environment, which the code does not know.
   */
  readonly config: Readonly<Partial<Pick<ConsumerConfig, 'filter_subject' | 'ack_policy' | 'max_deliver'>>>
  /** What the broker needs to know to send to it, where its app runs with `MODE=push`. */
  readonly push: Partial<ConsumerConfig>
  /** Whether it pulls for certain, whatever the app's way of consuming is. */
  readonly pulls: boolean
}

/** Every consumer that the app may have, whichever way it is deployed: shared, and one for each fan-out instance. */
export function declaredConsumers(app: App, contracts: Contracts): readonly DeclaredConsumer[] {
  const instances = [undefined, ...Array.from({ length: app.fanOutInstances }, (_, index) => index)]
  return app.handles.flatMap(({ channel }) =>
    instances.flatMap((instance) => {
      const stream = contracts.streamOf(channel).name
      const name =
        instance === undefined
          ? sharedConsumerName(app.name, channel)
          : instanceConsumerName(app.name, channel, String(instance))
      const of = { app: app.name, channel: channel.name, instance }
      // The server gives up nothing: the kit counts, and keeps what it gives up.
      const endless = { ack_policy: AckPolicy.Explicit, max_deliver: -1 }
      return [
        {
          ...of,
          stream,
          name,
          push: pushOf(app.name, name, instance),
          pulls: false,
          config: { ...endless, filter_subject: channel.subject },
        },
        {
          ...of,
          stream: redriveStreamName(stream),
          name: redriveConsumerName(name),
          push: {},
          pulls: true,
          config: { ...endless, filter_subject: redriveFilter(stream, name) },
        },
      ]
    }),
  )
}

/** As the app makes it. Instances that share a consumer are a group; one alone is told that the broker is there. */
function pushOf(app: string, name: string, instance: number | undefined): Partial<ConsumerConfig> {
  const to = { deliver_subject: deliverSubject(inboxPrefixOf({ name: app }), name) }
  return instance === undefined
    ? { ...to, deliver_group: name }
    : { ...to, idle_heartbeat: DEFAULT_IDLE_HEARTBEAT_MS * 1_000_000 }
}
