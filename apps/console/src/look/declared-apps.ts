import { readFileSync } from 'node:fs'
import { type App, contracts, defineApp, type HandledChannel } from '@alarm-bus/contracts'

/** Made by `pnpm contracts:docs`; the same place from the sources, from what was built and from its bundle. */
const FILE = new URL('../../docs/declared-apps.json', import.meta.url)

type Declared = Omit<App, 'publishes' | 'schedules' | 'handles' | 'reads' | 'hears' | 'asks' | 'answers'> & {
  readonly [List in 'publishes' | 'schedules' | 'reads' | 'hears' | 'asks' | 'answers']: readonly string[]
} & { readonly handles: readonly (Omit<HandledChannel, 'channel'> & { readonly channel: string })[] }

/** What every app of the bus declares. */
export function readDeclaredApps(): readonly App[] {
  const apps = JSON.parse(readFileSync(FILE, 'utf8')) as readonly Declared[]
  return apps.map(({ publishes, schedules, handles, reads, hears, asks, answers, ...app }) =>
    defineApp({
      ...app,
      publishes: publishes.map(channelOf),
      schedules: schedules.map(channelOf),
      handles: handles.map(({ channel, ...settings }) => ({ ...settings, channel: channelOf(channel) })),
      reads: reads.map(channelOf),
      hears: hears.map(channelOf),
      asks: asks.map(requestOf),
      answers: answers.map(requestOf),
    }),
  )
}

function channelOf(name: string) {
  return found(name, contracts.channels)
}

function requestOf(name: string) {
  return found(name, contracts.requests)
}

function found<T extends { readonly name: string }>(name: string, all: readonly T[]): T {
  const one = all.find((other) => other.name === name)
  if (one) return one
  throw new Error(
    `docs/declared-apps.json names ${JSON.stringify(name)}, which the contracts do not have; run: pnpm contracts:docs`,
  )
}
