import { z } from 'zod'
import { changes, type Fault, unseen } from './schema-fault.ts'

/** What a check of zod's says of itself. */
export interface CheckDefinition {
  readonly check?: string
  readonly format?: string
  readonly pattern?: RegExp
  readonly fn?: unknown
  readonly [option: string]: unknown
}

interface Format {
  /** What JSON Schema calls it; undefined where it has no name for it, or one that means something else. */
  readonly shown?: string
  /** The options that it may have, beside those that every check has. */
  readonly options?: readonly string[]
  /** It is more than its pattern: this is how it looks without options, and its pattern is none of the user's. */
  readonly code?: () => z.core.$ZodType
}

/** Whatever the pattern leaves open is decided by zod's own code, so such a format stands alone and has its own pattern. */
const CODE: Readonly<Record<string, Format>> = {
  url: { shown: 'uri', options: ['protocol', 'hostname'], code: () => z.url() },
  jwt: { options: ['alg'], code: () => z.jwt() },
  ipv6: { code: () => z.ipv6() },
  cidrv6: { code: () => z.cidrv6() },
  base64: { code: () => z.base64() },
  base64url: { code: () => z.base64url() },
  credit_card: { code: () => z.creditCard() },
  iban: { code: () => z.iban() },
}

/** Their options show in the pattern, and the pattern decides. */
const PATTERN: Readonly<Record<string, Format>> = {
  email: {},
  guid: { shown: 'uuid' },
  uuid: { options: ['version'] },
  emoji: {},
  nanoid: { options: ['length'] },
  cuid: {},
  cuid2: {},
  ulid: {},
  xid: {},
  ksuid: {},
  datetime: { shown: 'date-time', options: ['offset', 'local', 'precision'] },
  date: {},
  time: { options: ['offset', 'local', 'precision'] },
  duration: {},
  ipv4: {},
  cidrv4: {},
  e164: {},
  mac: { options: ['delimiter'] },
}

/** Made by `z.stringFormat` of zod's own patterns; anybody else's may have a function behind its name. */
const CUSTOM: Readonly<Record<string, () => z.core.$ZodType>> = {
  hostname: () => z.hostname(),
  hex: () => z.hex(),
  currency_code: () => z.currencyCode(),
}
const HASH = /^(md5|sha1|sha256|sha384|sha512)_(hex|base64|base64url)$/

/** Patterns with another name: only the pattern counts, and no format is shown. */
const BARE: Readonly<Record<string, readonly string[]>> = {
  regex: [],
  lowercase: [],
  uppercase: [],
  includes: ['includes', 'position'],
  starts_with: ['prefix'],
  ends_with: ['suffix'],
}
const ALWAYS: ReadonlySet<string> = new Set(['type', 'check', 'checks', 'format', 'pattern', 'error', 'abort', 'when'])

/** Whether the check names a format, and not only a pattern. */
export function isNamedFormat({ check, format }: CheckDefinition): boolean {
  return check === 'string_format' && format !== undefined && !Object.hasOwn(BARE, format)
}

/** What JSON Schema calls the format of the check; undefined where it has no name that is true. */
export function shownFormat({ format = '', local, precision }: CheckDefinition): string | undefined {
  // zod lets through what `date-time` forbids.
  if (format === 'time' || (format === 'datetime' && (local === true || precision === -1))) return undefined
  return CODE[format]?.shown ?? PATTERN[format]?.shown ?? format
}

/** What of a string's check no schema would show. `place` is its place among the string's checks, from 0. */
export function stringFaults(definition: CheckDefinition, place: number): readonly Fault[] {
  const { format = '', pattern } = definition
  const bare = BARE[format]
  if (bare) {
    if (format === 'includes' && definition['position'] !== undefined)
      return [unseen('includes() with a position', 'write it as a regex()')]
    return unknownOptions(definition, bare)
  }
  const known = CODE[format] ?? PATTERN[format]
  if (!known) return isZodsOwn(definition) ? unknownOptions(definition, ['fn', 'enc']) : [ownFormat(format)]
  if ('fn' in definition) return [ownFormat(format)]
  if (format === 'url' && definition['normalize'])
    return [changes('z.url({ normalize })', 'leave normalize out, and let the handler do it')]
  if (format === 'url' && place > 0)
    return [unseen('a url() behind other checks, which it trims for', 'begin with z.url()')]
  const its = known.code && checkOf(known.code()).pattern
  if (known.code && its?.source !== pattern?.source)
    return [unseen(`a pattern of its own for ${format}`, 'add it with regex()')]
  return unknownOptions(definition, known.options ?? [])
}

function ownFormat(format: string): Fault {
  return unseen(`the format ${JSON.stringify(format)} of z.stringFormat()`, 'write it as z.string().regex()')
}

function isZodsOwn({ format = '', pattern, fn }: CheckDefinition): boolean {
  if (!pattern) return false
  const maker = CUSTOM[format]
  const hash = HASH.exec(format)
  if (!maker && !hash) return false
  const own = checkOf(maker?.() ?? z.hash(hash?.[1] as 'md5', { enc: hash?.[2] as 'hex' }))
  return own.pattern?.source === pattern.source && own.pattern.flags === pattern.flags && String(own.fn) === String(fn)
}

function checkOf(schema: z.core.$ZodType): CheckDefinition {
  return schema._zod.def as unknown as CheckDefinition
}

function unknownOptions(definition: CheckDefinition, known: readonly string[]): readonly Fault[] {
  return Object.entries(definition)
    .filter(([option, value]) => value !== undefined && !ALWAYS.has(option) && !known.includes(option))
    .map(([option]) => unseen(`the option ${option} of ${definition.format}`, 'leave it out, or write it as a regex()'))
}
