import type { OpenContender } from './contender.ts'

/** Loaded one at a time: a contender's process holds no other contender's code. */
const LOADERS = {
  kit: async () => (await import('./kit.ts')).openKit,
  raw: async () => (await import('./raw.ts')).openRaw,
  moleculer: async () => (await import('./moleculer.ts')).openMoleculer,
  nest: async () => (await import('./nest.ts')).openNest,
} as const satisfies Record<string, () => Promise<OpenContender>>

/** What a process runs. */
export type Loadable = keyof typeof LOADERS

/**
 * `before` is the kit of another checkout, run by that checkout's own worker; `raw-one-account` the raw client in the account
 * of the streams, where the others are in one of their own.
 */
export type ContenderName = Loadable | 'before' | 'raw-one-account'

/** How a contender is called in tables. */
export const CONTENDER_TITLE: Readonly<Record<ContenderName, string>> = {
  kit: 'kit',
  before: 'kit of the other checkout',
  raw: 'raw client',
  'raw-one-account': 'raw client, one account',
  moleculer: '@moleculer/channels',
  nest: '@nestjs-plugins/…-jetstream-transport',
}

export function loadContender(name: Loadable): Promise<OpenContender> {
  return LOADERS[name]()
}
