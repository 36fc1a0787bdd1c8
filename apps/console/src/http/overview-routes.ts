import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import type { FastifyInstance } from 'fastify'
import type { Overview, OverviewChange } from '../api.ts'
import type { BusWatch } from '../look/bus-watch.ts'
import { eventText, HEARTBEAT, HEARTBEAT_MS, sendEvents, within } from './events.ts'
import type { Readers } from './readers.ts'

/** At most 50 changes a second. */
const LEAST_PAUSE_MS = 20

/** `GET /api/overview` and what changes of it. */
export function overviewRoutes(http: FastifyInstance, watch: BusWatch, readers: Readers): void {
  // Ids of another process say nothing here.
  const epoch = randomBytes(6).toString('base64url')
  let version = 0
  const countChanges = watch.onChange(() => version++)
  http.addHook('onClose', async () => countChanges())

  http.get('/overview', async () => watch.overview())

  http.get('/events', { exposeHeadRoute: false }, (request, reply) => {
    const reader = readers.enter('streams', request, reply)
    const known = request.headers['last-event-id']
    const id = (): string => `${epoch}-${version}`
    return sendEvents(reply, reader, events(watch, id, known === id(), reader.signal))
  })
}

async function* events(
  watch: BusWatch,
  id: () => string,
  isKnown: boolean,
  signal: AbortSignal,
): AsyncGenerator<string> {
  let sent = watch.overview()
  if (!isKnown) yield eventText('overview', id(), sent)
  while (!signal.aborted) {
    const now = watch.overview()
    const change = now === sent ? undefined : changeBetween(sent, now)
    sent = now
    if (change) {
      yield eventText('change', id(), change)
      await sleep(LEAST_PAUSE_MS)
      continue
    }
    const changed = await untilChange(watch, now, signal)
    if (!changed && !signal.aborted) yield HEARTBEAT
  }
}

async function untilChange(watch: BusWatch, seen: Overview, signal: AbortSignal): Promise<boolean> {
  if (watch.overview() !== seen) return true
  let unwatch: (() => void) | undefined
  const change = new Promise<true>((resolve) => {
    unwatch = watch.onChange(() => resolve(true))
  })
  try {
    return (await within(change, HEARTBEAT_MS, signal)) ?? false
  } finally {
    unwatch?.()
  }
}

/** The members that differ, each whole. */
function changeBetween(before: Overview, now: Overview): OverviewChange {
  const members = Object.entries(now) as [keyof Overview, unknown][]
  return Object.fromEntries(members.filter(([name, value]) => !isDeepStrictEqual(before[name], value)))
}
