import { setTimeout as sleep } from 'node:timers/promises'
import { type NatsServer, startNatsServer, type StartNatsServerOptions } from '@alarm-bus/nats-server'
import type { Logger } from './logger.ts'

/**
 * A real broker with JetStream on a free port and a directory of its own; gone when the test file ends it. Takes what
 * `startNatsServer` takes.
 */
export function startTestBroker(options: StartNatsServerOptions = {}): Promise<NatsServer> {
  return startNatsServer({ jetstream: true, ...options })
}

export interface WaitOptions {
  /** When to give up, in milliseconds. Default 10,000. */
  readonly deadlineMs?: number
  /** Between two looks, in milliseconds. Default 20. */
  readonly everyMs?: number
  /** What is waited for, in the error. */
  readonly what?: string
}

/**
 * Waits until the condition gives something truthy, and returns it. A condition that throws is not met yet; its last
 * error is the cause when time runs out.
 */
export async function waitFor<T>(
  condition: () => T | Promise<T>,
  options: WaitOptions = {},
): Promise<Exclude<Awaited<T>, false | undefined | null | 0 | ''>> {
  const { deadlineMs = 10_000, everyMs = 20, what = 'the condition' } = options
  const endsAt = performance.now() + deadlineMs
  let last: unknown
  for (;;) {
    try {
      const value = await condition()
      if (value) return value as Exclude<Awaited<T>, false | undefined | null | 0 | ''>
      last = undefined
    } catch (error) {
      last = error
    }
    if (performance.now() > endsAt) {
      throw new Error(`${what} did not come true within ${deadlineMs} ms`, last === undefined ? {} : { cause: last })
    }
    await sleep(everyMs)
  }
}

export interface LogLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error'
  readonly fields: Readonly<Record<string, unknown>>
  readonly message: string
}

/** A logger that keeps its lines, for tests that ask what was said. */
export function collectLogs(): Logger & { readonly lines: readonly LogLine[] } {
  const lines: LogLine[] = []
  const at =
    (level: LogLine['level']) =>
    (fields: object, message: string): void => {
      lines.push({ level, fields: fields as Record<string, unknown>, message })
    }
  return { lines, debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}

export type { NatsServer, StartNatsServerOptions }
