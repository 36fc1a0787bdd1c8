import { badRequest, Problem } from '@alarm-bus/service'

/** A message of a batch as it came, why there is none, or what was read besides. */
export type Item =
  | { readonly value: unknown }
  | { readonly error: Problem; /** Nothing can be read behind it. */ readonly last?: true }
  | { /** What was read and is no message costs as much as so many. */ readonly passedOver: number }

export function tooLong(maxBytes: number): Problem {
  return new Problem({
    status: 413,
    slug: 'message-too-large',
    title: 'The message is too large',
    detail: `a message of this channel has at most ${maxBytes} bytes`,
  })
}

export function notJson(why: string): Problem {
  return badRequest(why, [{ in: 'body', path: '', code: 'not_json', message: why }])
}
