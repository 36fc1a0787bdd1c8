import { Problem } from '@alarm-bus/service'

/** One message of a batch as it came, or why there is none. */
export type Item =
  | { readonly value: unknown }
  | { readonly error: Problem; /** Nothing can be read behind it. */ readonly last?: true }

export function tooLong(maxBytes: number): Problem {
  return new Problem({
    status: 413,
    slug: 'message-too-large',
    title: 'The message is too large',
    detail: `a message of this channel has at most ${maxBytes} bytes`,
  })
}
