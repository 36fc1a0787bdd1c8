import { execFile } from 'node:child_process'
import { NatsServerError, messageOf } from './errors.ts'

/** The release that is fetched when the machine has none. */
export const PINNED_VERSION = '2.15.1'

/** The oldest nats-server that is accepted: the first with every feature the house uses. */
export const MINIMUM_VERSION = '2.14.0'

const VERSION_TIMEOUT_MS = 10_000
const VERSION_LINE = /nats-server:? v?(\d+)\.(\d+)\.(\d+)(-[\w.]+)?/

/** Reads `nats-server: v2.15.1` into `2.15.1`; a pre-release keeps its suffix. Undefined when the text is something else. */
export function parseVersion(output: string): string | undefined {
  const match = VERSION_LINE.exec(output)
  return match ? `${match[1]}.${match[2]}.${match[3]}${match[4] ?? ''}` : undefined
}

/** Whether `version` is at or above `minimum`; a pre-release comes before its release. */
export function isAtLeast(version: string, minimum: string): boolean {
  const [left, right] = [numbersOf(version), numbersOf(minimum)]
  for (const [index, wanted] of right.entries()) {
    const found = left[index] ?? 0
    if (found !== wanted) return found > wanted
  }
  return !version.includes('-') || minimum.includes('-')
}

function numbersOf(version: string): number[] {
  return (version.split('-')[0] ?? '').split('.').map(Number)
}

/**
 * Asks a binary for its version.
 * @throws NatsServerError `not_runnable` when it does not start or answers with anything else than a version.
 */
export async function versionOf(path: string): Promise<string> {
  const output = await new Promise<string>((resolve, reject) => {
    execFile(path, ['--version'], { timeout: VERSION_TIMEOUT_MS }, (error, stdout, stderr) => {
      if (error) {
        const text = stderr.trim() || messageOf(error)
        reject(new NatsServerError('not_runnable', `${path} does not run: ${text}`, { cause: error }))
      } else {
        resolve(`${stdout}\n${stderr}`)
      }
    })
  })
  const version = parseVersion(output)
  if (version) return version
  const shown = JSON.stringify(output.trim().slice(0, 80))
  throw new NatsServerError('not_runnable', `${path} --version printed no nats-server version, but ${shown}`)
}
