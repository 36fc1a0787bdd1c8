import { objectOf, parseObject } from './json-object.ts'

/**
 * The wait that the body of a 429 asks for, in milliseconds: seconds in `retry_after`, where Discord has it, or in
 * `parameters.retry_after`, where Telegram has it.
 *
 * @returns undefined where there is none.
 */
export function bodyWaitMs(body: string): number | undefined {
  const answer = parseObject(body)
  const seconds = answer['retry_after'] ?? objectOf(answer['parameters'])['retry_after']
  return typeof seconds === 'number' && Number.isFinite(seconds) && seconds >= 0
    ? Math.ceil(seconds * 1_000)
    : undefined
}
