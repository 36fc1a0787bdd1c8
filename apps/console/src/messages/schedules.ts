import type { App, Channel, Contracts } from '@alarm-bus/contracts'
import type { Connection } from '@alarm-bus/nats-kit'
import { listWaiting } from '@alarm-bus/nats-kit/admin'
import type { ScheduledMessage, Schedules } from '../api.ts'
import { hideSensitive, sensitivePaths } from '../http/hide-sensitive.ts'

/** Of each channel; more are counted and not shown. */
const MAX_SHOWN = 200

type Waiting = ReturnType<typeof listWaiting> extends AsyncGenerator<infer W> ? W : never

/** What waits for its time, on each channel that can be scheduled. */
export async function readSchedules(
  connection: Connection,
  contracts: Contracts,
  apps: readonly App[],
): Promise<Schedules> {
  const channels = contracts.streams.flatMap(({ scheduled }) => scheduled)
  return {
    channels: await Promise.all(
      channels.map(async (channel) => ({
        channel: channel.name,
        scheduledBy: apps.find(({ schedules }) => schedules.includes(channel))?.name ?? null,
        ...(await firstOf(connection, contracts, channel)),
      })),
    ),
  }
}

async function firstOf(connection: Connection, contracts: Contracts, channel: Channel) {
  const waiting: ScheduledMessage[] = []
  const paths = sensitivePaths(channel.jsonSchema)
  for await (const one of listWaiting(connection, contracts, channel)) {
    if (waiting.length === MAX_SHOWN) return { waiting, more: true }
    waiting.push(shown(one, paths))
  }
  return { waiting, more: false }
}

function shown(
  { id, at, when, scheduledAt, message }: Waiting,
  paths: ReturnType<typeof sensitivePaths>,
): ScheduledMessage {
  return {
    id,
    atMs: at?.getTime() ?? null,
    everyMs: 'everyMs' in when ? when.everyMs : null,
    cron: 'cron' in when ? when.cron : null,
    timeZone: 'cron' in when ? (when.timeZone ?? 'UTC') : null,
    scheduledAtMs: scheduledAt.getTime(),
    ...hideSensitive(message, paths),
  }
}
