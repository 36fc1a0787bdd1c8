import { Script } from 'node:vm'
import { contracts, defineChannel, type Stream } from '@alarm-bus/contracts'
import { camelCase } from './names.ts'
import { exists, isExported } from './repository.ts'

/** What is known of the new channel so far. */
export interface ChannelDraft {
  readonly name?: string | undefined
  readonly subject?: string | undefined
  readonly stream?: string | undefined
  readonly owner?: string | undefined
  readonly description?: string | undefined
}

/** What is wrong with what is known, or undefined. The declaration's own check decides, so that the two agree. */
export function checkChannel({ name, subject, stream, owner, description }: ChannelDraft): string | undefined {
  try {
    const { schema } = contracts.channels[0]
    defineChannel({ name: name ?? 'new', subject: subject ?? 'new', description: 'A sentence.', schema })
    if (stream !== undefined) streamOf(stream)
  } catch (error) {
    return (error as Error).message
  }
  if (owner?.trim() === '') return 'owner is empty; name the team to ask'
  if (description?.trim() === '') return 'description is empty; say in one sentence what a message means'
  const holder = contracts.channels.find((channel) => channel.subject === subject)
  if (holder) return `subject ${JSON.stringify(subject)} is taken by channel ${JSON.stringify(holder.name)}`
  return name === undefined ? undefined : checkName(name)
}

/** @throws Error naming those that there are. */
export function streamOf(name: string): Stream {
  const stream = contracts.streams.find((one) => one.name === name)
  if (stream) return stream
  const known = contracts.streams.map((one) => one.name).join(', ')
  throw new Error(`unknown stream ${JSON.stringify(name)}; expected one of: ${known}`)
}

/** Whether a file and an export of that name can be made. */
export function checkName(name: string): string | undefined {
  if (contracts.channels.some((channel) => channel.name === name)) {
    return `channel ${JSON.stringify(name)} exists already; choose another name`
  }
  const file = `packages/contracts/src/${name}.ts`
  if (exists(file)) return `${file} exists already; choose another name`
  const value = camelCase(name)
  if (isExported(value)) return `the contracts export a ${value} already; choose another name`
  try {
    compile(value)
  } catch {
    return `${JSON.stringify(name)} is a word of the language, ${value}; choose another name`
  }
  return undefined
}

/** @throws SyntaxError when the language does not take it for a name. */
function compile(value: string): Script {
  return new Script(`'use strict'; async () => { const ${value} = 0 }`)
}
