import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'

export type Environment = Readonly<Record<string, string | undefined>>

/** A variable that names a file that cannot be used. */
export interface SecretProblem {
  /** `NATS_TOKEN_FILE` */
  readonly variable: string
  /** The secret that there is none of now: `NATS_TOKEN`. */
  readonly secret: string
  /** The end of a sentence that begins with the variable. It holds neither the file's content nor its path. */
  readonly problem: string
}

/** More is no secret, but a file that was named by mistake. */
const MAX_BYTES = 64 * 1024

/**
 * Puts secrets in place that are given as files: `NATS_TOKEN_FILE=/run/secrets/token` in place of `NATS_TOKEN`. The line
 * break at the end is no part of the secret.
 *
 * - A variable that is empty or blank counts as not set.
 * - Not the path either is ever shown: it may be the secret itself, set by mistake in place of the file.
 * - A fifo or a device is refused: reading it might never end.
 *
 * @returns the environment with the secrets, and those that came from files by name.
 */
export function readSecretFiles(
  environment: Environment,
  secrets: readonly string[],
): {
  readonly environment: Environment
  readonly fromFiles: ReadonlySet<string>
  readonly problems: readonly SecretProblem[]
} {
  const found = { ...environment }
  const fromFiles = new Set<string>()
  const problems: SecretProblem[] = []
  for (const secret of secrets) {
    const variable = `${secret}_FILE`
    const path = environment[variable]
    if (isBlank(path)) continue
    delete found[variable]
    fromFiles.add(secret)
    try {
      if (!isBlank(environment[secret])) throw new Error(`is set beside ${secret}; give one of them`)
      found[secret] = contentOf(path as string)
    } catch (error) {
      problems.push({ variable, secret, problem: (error as Error).message })
    }
  }
  return { environment: found, fromFiles, problems }
}

function isBlank(value: string | undefined): boolean {
  return value === undefined || value.trim() === ''
}

/** @throws Error with the problem. */
function contentOf(path: string): string {
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytesOf(path))
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === undefined) throw error
    // oxlint-disable-next-line preserve-caught-error -- The cause names the path.
    throw new Error(
      code === 'ERR_ENCODING_INVALID_ENCODED_DATA'
        ? 'names a file that is not UTF-8 text'
        : `names a file that cannot be read (${code}); give the path of the file that holds the secret`,
    )
  }
  const secret = text.replace(/\r?\n$/, '')
  if (secret.trim() === '') throw new Error('names a file that is empty')
  return secret
}

function bytesOf(path: string): Uint8Array {
  // Without O_NONBLOCK, opening a fifo would wait for a writer.
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    if (!fstatSync(file).isFile()) throw new Error('names something that is not a file')
    const buffer = Buffer.alloc(MAX_BYTES + 1)
    let length = 0
    for (let read = -1; read !== 0 && length < buffer.length; length += read)
      read = readSync(file, buffer, length, buffer.length - length, null)
    if (length > MAX_BYTES) throw new Error(`names a file of more than ${MAX_BYTES} bytes, which holds no secret`)
    return buffer.subarray(0, length)
  } finally {
    closeSync(file)
  }
}
