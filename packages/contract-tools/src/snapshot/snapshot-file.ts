import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { z } from 'zod'
import { CheckError } from '../compatibility/check-error.ts'
import type { ReleasedContracts } from '../compatibility/released.ts'

/** The contracts of the last release, as they stand in the repository. */
export interface Snapshot extends ReleasedContracts {
  /** The version of `@alarm-bus/contracts` that was released with them. */
  readonly contractsVersion: string
}

const count = z.int().min(1)
const compatibility = z.enum(['backward', 'forward', 'full', 'none'])
const part = z.object({ maxBytes: count, schema: z.record(z.string(), z.unknown()) })
// Strict, so that what a release keeps and this does not know is an error and not passed over.
const schema = z.strictObject({
  contractsVersion: z.string(),
  digest: z.string(),
  channels: z.array(
    z.strictObject({
      name: z.string(),
      version: count,
      compatibility,
      subject: z.string(),
      stream: z.string(),
      maxMessageBytes: count,
      key: z.string().optional(),
      previous: z.string().nullable(),
      schema: z.record(z.string(), z.unknown()),
      publishedBy: z.array(z.string()).optional(),
      handledBy: z.array(z.string()).optional(),
    }),
  ),
  streams: z.array(
    z.strictObject({
      name: z.string(),
      storage: z.enum(['file', 'memory']),
      maxAgeMs: count,
      maxMessages: count,
      maxBytes: count,
      maxMessageBytes: count,
      discard: z.enum(['old', 'new']),
      allowMessageTtl: z.boolean(),
      duplicateWindowMs: count,
      replicas: count,
    }),
  ),
  requests: z
    .array(
      z.strictObject({
        name: z.string(),
        version: count,
        compatibility,
        subject: z.string(),
        request: part,
        response: part,
        errors: z.record(z.string(), part),
        stored: z.object({ stream: z.string(), timeoutMs: count, keepReplyMs: count }).optional(),
        askedBy: z.array(z.string()).optional(),
        answeredBy: z.array(z.string()).optional(),
      }),
    )
    .optional(),
})

const BY_THE_RELEASE = 'the release step writes it (pnpm version-packages)'

/** The snapshot of a file, or undefined where there is none. @throws CheckError for one that was edited by hand. */
export function readSnapshot(file: string): Snapshot | undefined {
  const text = textOf(file)
  return text === undefined ? undefined : parseSnapshot(text, file)
}

/** @throws CheckError naming the source, for what is no snapshot or was edited by hand. */
export function parseSnapshot(text: string, source: string): Snapshot {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (cause) {
    throw new CheckError(`${source} is not JSON; restore it, ${BY_THE_RELEASE}`, { cause })
  }
  const parsed = schema.safeParse(json)
  if (!parsed.success) {
    const where = parsed.error.issues.map(({ path, message }) => `/${path.join('/')}: ${message}`).join('; ')
    throw new CheckError(`${source} is not a snapshot (${where}); restore it, ${BY_THE_RELEASE}`)
  }
  const { digest, ...snapshot } = parsed.data
  if (digest !== digestOf(snapshot)) {
    throw new CheckError(`${source} was edited after it was written; restore it, ${BY_THE_RELEASE}`)
  }
  return snapshot
}

/** Writes the snapshot, whole or not at all. */
export function writeSnapshot(file: string, snapshot: Snapshot): void {
  const { contractsVersion, channels, streams, requests } = snapshot
  const content = { contractsVersion, digest: digestOf(snapshot), channels, streams, requests }
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(`${file}.new`, `${JSON.stringify(content, null, 2)}\n`)
  renameSync(`${file}.new`, file)
}

function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new CheckError(`${file} cannot be read: ${(error as Error).message}`, { cause: error })
  }
}

/** Of a snapshot without requests it is what it was before there were any. */
function digestOf({ contractsVersion, channels, streams, requests }: Snapshot): string {
  return createHash('sha256').update(JSON.stringify({ contractsVersion, channels, streams, requests })).digest('hex')
}
