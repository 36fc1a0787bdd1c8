import type { OpenContender } from './contender.ts'

/** Loaded one at a time: a contender's process holds no other contender's code. */
const LOADERS = {
  kit: async () => (await import('./kit.ts')).openKit,
  raw: async () => (await import('./raw.ts')).openRaw,
  moleculer: async () => (await import('./moleculer.ts')).openMoleculer,
  nest: async () => (await import('./nest.ts')).openNest,
} as const satisfies Record<string, () => Promise<OpenContender>>

export type ContenderName = keyof typeof LOADERS

/** How a contender is called in tables. */
export const CONTENDER_TITLE: Readonly<Record<ContenderName, string>> = {
  kit: 'kit',
  raw: 'raw client',
  moleculer: '@moleculer/channels',
  nest: '@nestjs-plugins/…-jetstream-transport',
}

export function loadContender(name: ContenderName): Promise<OpenContender> {
  return LOADERS[name]()
}
