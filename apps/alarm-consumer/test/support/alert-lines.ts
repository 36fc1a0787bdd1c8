import { waitFor } from '@alarm-bus/nats-kit/testing'
import type { Received, Receiver } from './receiver.ts'

/** Without what says where it comes from. */
export const linesOf = ({ received }: Pick<Receiver, 'received'>): readonly string[] =>
  received.flatMap(({ body }: Received) => {
    const { text } = JSON.parse(body) as { readonly text: string }
    return text.replace(/^\[alarm-bus\] /, '').split('\n')
  })
export const matching = (receiver: Receiver, pattern: RegExp): readonly string[] =>
  linesOf(receiver).filter((line) => pattern.test(line))
export const until = (receiver: Receiver, pattern: RegExp, deadlineMs = 30_000) =>
  waitFor(() => matching(receiver, pattern).length > 0, { what: `an alert like ${pattern}`, deadlineMs })
