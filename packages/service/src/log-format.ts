import { createRequire } from 'node:module'
import type * as PinoPretty from 'pino-pretty'

export type LogFormat = 'json' | 'pretty'

/** What a person at a terminal has no use for; the app's name is what turbo puts before its lines. */
const HIDDEN = 'pid,hostname,version,name,event'

/** Lines for a person at a terminal; JSON for everything that reads standard output otherwise. */
export function defaultLogFormat(isTerminal: boolean | undefined, isProduction: boolean): LogFormat {
  return isTerminal && !isProduction ? 'pretty' : 'json'
}

/**
 * Makes one line of JSON a line for a person: time, level, words, then the fields.
 *
 * pino-pretty is there in the workspace and in no image. Undefined without it.
 */
export function prettyLine(): ((line: string) => string) | undefined {
  try {
    const { prettyFactory } = createRequire(import.meta.url)('pino-pretty') as typeof PinoPretty
    const format = prettyFactory({
      colorize: true,
      ignore: HIDDEN,
      singleLine: true,
      errorLikeObjectKeys: ['err'],
      translateTime: 'SYS:HH:MM:ss.l',
    })
    return (line) => format(line) as string
  } catch {
    return undefined
  }
}
