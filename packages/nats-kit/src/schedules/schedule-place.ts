import type { App, Channel, Contracts } from '@alarm-bus/contracts'
import { KitError, KitErrorCode } from '../errors.ts'
import { type RouteOf } from '../publish/message-route.ts'
import { scheduleLimits } from '../streams/companion-streams.ts'
import { schedulesStreamName } from './schedule-subjects.ts'

/** A channel that may be scheduled, and where its messages wait. */
export interface SchedulePlace {
  readonly channel: Channel
  /** The stream that stores the channel. */
  readonly stream: string
  /** The one that its schedules wait in. */
  readonly schedules: string
  /** How many of them may. */
  readonly maxWaiting: number
}

/** The places of all channels that the app schedules: those that it declares, or every one whose stream has it `scheduled`. */
export function schedulePlaces(contracts: Contracts, app: App | undefined): ReadonlyMap<Channel, SchedulePlace> {
  const places = new Map<Channel, SchedulePlace>()
  for (const stream of contracts.streams) {
    for (const channel of stream.scheduled) {
      if (app && !app.schedules.includes(channel)) continue
      places.set(channel, {
        channel,
        stream: stream.name,
        schedules: schedulesStreamName(stream.name, channel.name),
        maxWaiting: scheduleLimits(stream, channel).waiting,
      })
    }
  }
  return places
}

/** @throws KitError `schedules_disabled`, and what `routeOf` throws for a channel that may not be published on at all. */
export function placeOf(
  places: ReadonlyMap<Channel, SchedulePlace>,
  channel: Channel,
  {
    contracts,
    app,
    routeOf,
  }: { readonly contracts: Contracts; readonly app: App | undefined; readonly routeOf: RouteOf },
): SchedulePlace {
  const place = places.get(channel)
  if (place) return place
  routeOf(channel)
  const name = JSON.stringify(channel.name)
  const stream = contracts.streamOf(channel)
  throw new KitError(
    KitErrorCode.SchedulesDisabled,
    stream.scheduled.includes(channel)
      ? `app ${JSON.stringify(app?.name)} does not declare that it schedules ${name}; add it to its declaration's schedules, then \`pnpm ops permissions\``
      : `channel ${name} cannot be scheduled; add it to \`scheduled\` of stream ${stream.name}, then \`pnpm ops apply\``,
  )
}
