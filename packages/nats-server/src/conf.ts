import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { NatsServerError } from './errors.ts'

export interface RewrittenConf {
  /** The configuration with its includes put in place, and every JetStream directory replaced. */
  readonly text: string
  /** Whether the configuration names a JetStream directory at all. */
  readonly hasStoreDir: boolean
}

interface Scope {
  readonly kind: 'map' | 'array'
  /** Key under which the block stands, in lower case. */
  readonly key: string
}

interface State {
  readonly scopes: Scope[]
  readonly storeDir: string
  hasStoreDir: boolean
}

const MAX_INCLUDE_DEPTH = 10
const SKIPPED = /(?:\s+|#.*|\/\/.*|[,;])+/y
const QUOTED = /"(?:[^"\\]|\\.)*"|'[^']*'|\([^)]*\)/y
const BARE_KEY = /[^\s{}[\],;"'=:]+/y
const BARE_VALUE = /[^\s{}[\],;]+/y
const ASSIGNMENT = /\s*[=:]?\s*/y

/**
 * Replaces the JetStream directory in a configuration. nats-server takes `-sd` only when the configuration names none: it
 * calls the two together a duplicate and refuses to start. Includes are put in place, because nats-server resolves
 * them against the folder of the file, which is another one for a rewritten copy.
 * @throws NatsServerError `config_error` when an included file cannot be read.
 */
export async function rewriteStoreDir(text: string, folder: string, storeDir: string): Promise<RewrittenConf> {
  const state: State = { scopes: [], storeDir, hasStoreDir: false }
  const rewritten = await rewrite(text, folder, state, 0)
  return { text: rewritten, hasStoreDir: state.hasStoreDir }
}

/** Reads a configuration file. @throws NatsServerError `config_error`. */
export async function readConf(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    throw new NatsServerError('config_error', `the configuration ${path} cannot be read`, { cause })
  }
}

async function rewrite(text: string, folder: string, state: State, depth: number): Promise<string> {
  let position = 0
  let output = ''
  let key: string | undefined
  const take = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = position
    const found = pattern.exec(text)?.[0]
    if (found === undefined) return undefined
    position += found.length
    return found
  }
  while (position < text.length) {
    const inArray = state.scopes.at(-1)?.kind === 'array'
    const skipped = take(SKIPPED)
    if (skipped) {
      output += skipped
      continue
    }
    const character = text[position] ?? ''
    if ('{[]}'.includes(character)) {
      if (character === '{' || character === '[') {
        state.scopes.push({ kind: character === '{' ? 'map' : 'array', key: key ?? '' })
      } else {
        state.scopes.pop()
      }
      key = undefined
      output += character
      position += 1
    } else if (key === undefined && !inArray) {
      const word = take(QUOTED) ?? take(BARE_KEY) ?? take(/[^]/y) ?? ''
      key = unquote(word).toLowerCase()
      if (key !== 'include') output += word + (take(ASSIGNMENT) ?? '')
    } else {
      const word = take(QUOTED) ?? take(BARE_VALUE) ?? take(/[^]/y) ?? ''
      output += await replacement(key ?? '', word, folder, state, depth)
      key = undefined
    }
  }
  return output
}

async function replacement(key: string, word: string, folder: string, state: State, depth: number): Promise<string> {
  if (key === 'include') {
    if (depth >= MAX_INCLUDE_DEPTH)
      throw new NatsServerError('config_error', 'the includes of the configuration nest too deep')
    const path = resolve(folder, unquote(word))
    return `${await rewrite(await readConf(path), dirname(path), state, depth + 1)}\n`
  }
  if (!isStoreKey(key, state.scopes)) return word
  state.hasStoreDir = true
  return JSON.stringify(state.storeDir)
}

/** nats-server reads these names at the top and, with the short one, in the `jetstream` block. */
function isStoreKey(key: string, scopes: readonly Scope[]): boolean {
  if (scopes.length === 0) return key === 'store_dir' || key === 'storedir'
  const isJetStream = scopes.length === 1 && scopes[0]?.key === 'jetstream'
  return isJetStream && ['store_dir', 'storedir', 'store'].includes(key)
}

function unquote(word: string): string {
  return /^(["']).*\1$/s.test(word) ? word.slice(1, -1) : word
}
