import type { App, Contracts, HandledChannel, Stream } from '@alarm-bus/contracts'
import { instanceConsumerName, sharedConsumerName } from '@alarm-bus/nats-kit'
import {
  channelSubjects,
  type ConsumerPlace,
  consumerSubjects,
  idempotencySubjects,
  inboxPrefixOf,
  listenerSubject,
  noteSubjects,
  onceSubjects,
  readSubjects,
  redriveConsumerName,
  requestSubjects,
  responderSubscription,
  schedulingSubjects,
  streamLookupSubject,
  usedStreams,
  watchSubjects,
} from '@alarm-bus/nats-kit/admin'

/** Subjects that belong together, and what for. */
export interface SubjectGroup {
  readonly what: string
  readonly subjects: readonly string[]
  /** Name of the request that is asked there: it goes to the app that answers it, and not to the bus. */
  readonly request?: string
}

/** All that an app's user may do on the broker; anything else is refused. */
export interface AppPermissions {
  readonly app: App
  readonly publish: readonly SubjectGroup[]
  /** Subjects, behind those of requests the queue group without which they may not be subscribed to. */
  readonly subscribe: readonly string[]
}

export interface PermissionOptions {
  /** Whether the app makes its consumers; otherwise `pnpm ops apply` does. Default false. */
  readonly shapesConsumers?: boolean
}

/** What an app needs for what it declares, and nothing else. The subjects are the kit's, from beside the code that uses them. */
export function appPermissions(app: App, contracts: Contracts, options: PermissionOptions = {}): AppPermissions {
  const handles = app.handles.map(({ channel }) => channel)
  const lookups = usedStreams(contracts, { ...app, handles }).map(streamLookupSubject)
  return {
    app,
    publish: [
      ...publishing(app, contracts),
      ...scheduling(app, contracts, options),
      ...app.handles.flatMap((handled) => handling(app, handled, contracts, options)),
      ...(app.watchesBus ? contracts.streams.map((stream) => watching(app, stream)) : []),
      ...reading(app, contracts),
      ...app.asks.map((request) => ({
        what: `Request ${request.name}.`,
        subjects: requestSubjects(request),
        request: request.name,
      })),
      ...(lookups.length === 0
        ? []
        : [{ what: 'STREAMS=verify, and whether a stream was recreated.', subjects: lookups }]),
    ],
    // Answers, deliveries and statuses. With a common prefix each app could read what is sent to the others.
    subscribe: [
      `${inboxPrefixOf(app)}.>`,
      ...app.hears.map(listenerSubject),
      ...app.answers.map((request) => responderSubscription(app, request)),
    ],
  }
}

/** That there are dead letters, and how consumers stand: no message's body, and nothing that removes or settles one. */
function watching(app: App, stream: Stream): SubjectGroup {
  return {
    what: `${stream.name} watched: headers of dead letters, consumers.`,
    subjects: watchSubjects(stream, app.name),
  }
}

function publishing(app: App, contracts: Contracts): readonly SubjectGroup[] {
  const { publishes, idempotency } = app
  const channels = publishes.map((channel) => ({
    what: `${channel.name}: stored, and (core.) at most once.`,
    subjects: channelSubjects(channel),
  }))
  const streams = new Set(publishes.map((channel) => contracts.streamOf(channel).name))
  const claims = [...streams].map((stream) => ({
    what: `Ids held to one message of ${stream}: claims, and a look at the claim that was there first.`,
    subjects: idempotencySubjects(stream),
  }))
  return idempotency ? [...channels, ...claims] : channels
}

/** @throws Error for a channel that its stream does not list as `scheduled`. */
function scheduling(
  { name, schedules }: App,
  contracts: Contracts,
  { shapesConsumers = false }: PermissionOptions,
): readonly SubjectGroup[] {
  return schedules.map((channel) => {
    const stream = contracts.streamOf(channel)
    if (!stream.scheduled.includes(channel))
      throw new Error(
        `${name} schedules channel ${JSON.stringify(channel.name)}, which cannot be scheduled; add it to \`scheduled\` of stream ${stream.name}`,
      )
    return {
      what: `${channel.name} scheduled: what waits, and what is due.`,
      subjects: schedulingSubjects(name, stream.name, channel, { shapes: shapesConsumers }),
    }
  })
}

/** What is asked for stands in the request's body, so the broker can hold a reader to a stream, and not to a channel. */
function reading({ reads }: App, contracts: Contracts): readonly SubjectGroup[] {
  const streams = new Set(reads.map((channel) => contracts.streamOf(channel).name))
  return [...streams].map((stream) => ({
    what: `Reading ${stream}, all that it holds.`,
    subjects: readSubjects(stream),
  }))
}

/** The consumer that all instances share, and one for each instance: a permission has no wildcard for a part of a token. */
function handling(
  app: App,
  { channel }: HandledChannel,
  contracts: Contracts,
  { shapesConsumers = false }: PermissionOptions,
): readonly SubjectGroup[] {
  const instances = Array.from({ length: app.fanOutInstances }, (_, index) => String(index))
  return [undefined, ...instances].map((instance) => {
    const place: ConsumerPlace = {
      stream: contracts.streamOf(channel).name,
      name:
        instance === undefined
          ? sharedConsumerName(app.name, channel)
          : instanceConsumerName(app.name, channel, instance),
      filterSubject: channel.subject,
    }
    const who =
      instance === undefined
        ? 'shared by all instances (DELIVERY=queue-group)'
        : `instance ${instance} alone (DELIVERY=fan-out)`
    return {
      what: `${channel.name}, ${who}.`,
      subjects: [
        ...consumerSubjects(place, { shapes: shapesConsumers }),
        // No subject twice: a request on one that two imports cover would be asked twice.
        ...(app.onceOnly ? onceSubjects(place.stream, place.name) : noteSubjects(place.stream, place.name)),
        ...noteSubjects(place.stream, redriveConsumerName(place.name)),
      ],
    }
  })
}
