import { type Channel, contracts, defineApp } from '@alarm-bus/contracts'
import { exists } from './repository.ts'

export type Kind = 'consumer' | 'producer'
export const KINDS: readonly Kind[] = ['consumer', 'producer']

/** Users of the broker that are no app's. */
const TAKEN = ['admin', 'sys']

/** What is known of the new app so far. */
export interface AppDraft {
  readonly name?: string | undefined
  /** Names, with commas between them. */
  readonly channels?: string | undefined
  readonly owner?: string | undefined
  readonly description?: string | undefined
}

/** What is wrong with what is known, or undefined. The declaration's own check decides, so that the two agree. */
export function checkApp({ name, channels, owner, description }: AppDraft): string | undefined {
  try {
    const handles = channels === undefined ? contracts.channels : channelsOf(channels)
    defineApp({ name: name ?? 'new', owner: owner ?? 'a team', description: description ?? 'A sentence.', handles })
  } catch (error) {
    return (error as Error).message
  }
  if (description?.trim() === '') return 'description is empty; say in one sentence what the app does'
  if (name === undefined) return undefined
  if (TAKEN.includes(name)) return `no app can be called ${JSON.stringify(name)}: the broker has a user of that name`
  for (const folder of ['apps', 'packages', '.']) {
    const path = folder === '.' ? name : `${folder}/${name}`
    if (exists(path)) return `${path} exists already; choose another name`
  }
  return undefined
}

/** @throws Error naming the channel that there is not. */
export function channelsOf(names: string): readonly Channel[] {
  return names.split(',').map((name) => {
    const channel = contracts.channels.find((one) => one.name === name.trim())
    if (channel) return channel
    const known = contracts.channels.map((one) => one.name).join(', ')
    throw new Error(`unknown channel ${JSON.stringify(name.trim())}; expected one of: ${known}`)
  })
}
