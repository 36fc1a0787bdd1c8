import type { App, Consuming, Contracts } from '@alarm-bus/contracts'
import type { ConsumerConfig } from '@nats-io/jetstream'
import { inboxPrefixOf } from '../connection/client-options.ts'
import { defineHandler, type MessageHandler } from '../handling/handler.ts'
import { redriveConsumerOf, redriveSettings } from '../redrive/redrive-consumer.ts'
import { OF_DECLARATION } from './consumer-beginning.ts'
import { toConsumerConfig } from './consumer-config.ts'
import { type ConsumerSpec, specOf } from './consumer-spec.ts'
import { dueConsumerConfig } from '../schedules/due-consumer.ts'
import { schedulePlaces } from '../schedules/schedule-place.ts'
import { resolveSubscriberOptions, type SubscriberSettings } from './options.ts'

/** A consumer that an app may have, as far as its declaration says. */
export interface DeclaredConsumer {
  readonly stream: string
  readonly name: string
  readonly app: string
  readonly channel: string
  /** Of `DELIVERY=fan-out`, undefined for the one that all instances share. */
  readonly instance: number | undefined
  /** Whether it has to be there. `unless another`: how the app is deployed is not declared, and one of the others may do. */
  readonly wanted: 'always' | 'unless another' | 'no'
  /** What the declaration settles, in the server's names and units; null for what may not be set. */
  readonly config: Readonly<Partial<Record<keyof ConsumerConfig, unknown>>>
  /** The whole of it for one that is made, by how the app consumes; it begins with all that is stored. */
  readonly made: Readonly<Record<'pull' | 'push', Partial<ConsumerConfig>>>
  /** Undefined where the declaration does not say, and as it is may be right. */
  readonly mode: 'pull' | 'push' | undefined
  /** What it takes: what the app handles, what is redriven to it, or what is due of what it scheduled. */
  readonly takes: 'messages' | 'redriven' | 'due'
  /** Whether it pulls for certain, whatever the app's way of consuming is. */
  readonly pulls: boolean
  /** Where one that is made begins. */
  readonly startAt: 'all' | 'new'
}

/** How stored requests are consumed, whatever the app does with its channels. */
function ofRequests({ ackWaitMs }: Consuming): Consuming {
  return { mode: 'pull', delivery: 'queue-group', ...(ackWaitMs !== undefined && { ackWaitMs }) }
}

/**
 * Every consumer that the app may have, whichever way it is deployed: shared, and one for each fan-out instance; and
 * beside each the one of what is redriven. For each channel that it schedules the one of what is due.
 *
 * @param deployed what is known of the deployment, over what is declared.
 */
export function declaredConsumers(
  app: App,
  contracts: Contracts,
  deployed: Consuming = {},
): readonly DeclaredConsumer[] {
  const consuming = { ...app.consuming, ...deployed }
  const instances = [undefined, ...Array.from({ length: app.fanOutInstances }, (_, index) => index)]
  const handling = instances.flatMap((instance) =>
    app.handles.flatMap(({ channel, startAt = 'all', ofRequest = false }) => {
      if (ofRequest && instance !== undefined) return []
      const way = ofRequest ? ofRequests(consuming) : consuming
      const settings = settingsOf(app, contracts, way, instance)
      const handler = settings.handlers.find((one) => one.channel === channel) as MessageHandler
      const spec = specOf(settings.pull, handler)
      const of = { app: app.name, channel: channel.name, instance, wanted: wantedOf(way, instance) }
      const main = declaredAs(app, spec, settings, way)
      const redrive = redriveConsumerOf(spec)
      const pulling = redriveSettings(settings.pull)
      return [
        { ...of, ...main, mode: way.mode, takes: 'messages' as const, pulls: ofRequest, startAt },
        {
          ...of,
          ...declaredAs(app, redrive, { pull: pulling, push: pulling }, {}),
          mode: 'pull' as const,
          takes: 'redriven' as const,
          pulls: true,
          startAt: 'all' as const,
        },
      ]
    }),
  )
  return [...handling, ...takingWhatIsDue(app, contracts)]
}

/** One for each channel that the app schedules, whichever way it consumes. */
function takingWhatIsDue(app: App, contracts: Contracts): readonly DeclaredConsumer[] {
  return [...schedulePlaces(contracts, app).values()].map(({ channel, stream, schedules }) => {
    const made = dueConsumerConfig(app.name, stream, channel)
    const { filter_subject, ack_policy, max_deliver, ack_wait } = made
    return {
      stream: schedules,
      name: made.name as string,
      app: app.name,
      channel: channel.name,
      instance: undefined,
      wanted: 'always' as const,
      config: { filter_subject, ack_policy, max_deliver, ack_wait, inactive_threshold: null },
      made: { pull: made, push: made },
      mode: 'pull' as const,
      takes: 'due' as const,
      pulls: true,
      startAt: 'all' as const,
    }
  })
}

function declaredAs(
  app: App,
  spec: ConsumerSpec,
  settings: Readonly<Record<'pull' | 'push', SubscriberSettings>>,
  { ackWaitMs, concurrency, mode = 'pull' }: Consuming,
): Pick<DeclaredConsumer, 'stream' | 'name' | 'config' | 'made'> {
  const made = (way: 'pull' | 'push'): Partial<ConsumerConfig> => {
    // An app may not make it again once it has expired: one that is declared stays until it is pruned.
    const { inactive_threshold: _, ...config } = toConsumerConfig(
      settings[way],
      spec,
      inboxPrefixOf({ name: app.name }),
      'all',
    )
    return { ...config, metadata: { ...config.metadata, ...OF_DECLARATION } }
  }
  const { filter_subject, ack_policy, max_deliver, ack_wait, max_ack_pending } = made(mode)
  return {
    stream: spec.stream,
    name: spec.name,
    made: { pull: made('pull'), push: made('push') },
    config: {
      filter_subject,
      ack_policy,
      max_deliver,
      inactive_threshold: null,
      ...(ackWaitMs !== undefined && { ack_wait }),
      ...(concurrency !== undefined && { max_ack_pending }),
    },
  }
}

function settingsOf(app: App, contracts: Contracts, consuming: Consuming, instance: number | undefined) {
  const handlers = app.handles.map(({ channel, maxDeliver, retry }) =>
    defineHandler(channel, () => undefined, {
      ...(maxDeliver !== undefined && { maxDeliver }),
      ...(retry !== undefined && { retry }),
    }),
  )
  const resolved = (mode: 'pull' | 'push'): SubscriberSettings =>
    resolveSubscriberOptions({
      contracts,
      app: app.name,
      handlers,
      ...consuming,
      mode,
      delivery: instance === undefined ? 'queue-group' : 'fan-out',
      ...(instance !== undefined && { instanceId: String(instance) }),
    })
  return { handlers, pull: resolved('pull'), push: resolved('push') }
}

function wantedOf({ delivery }: Consuming, instance: number | undefined): DeclaredConsumer['wanted'] {
  if (delivery === undefined) return instance === undefined ? 'unless another' : 'no'
  return (delivery === 'fan-out') === (instance !== undefined) ? 'always' : 'no'
}
