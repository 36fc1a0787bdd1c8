import type { Channel } from '@alarm-bus/contracts'
import { Problem } from '@alarm-bus/service'

/** A second: acks come within milliseconds, and the event loop's delay is looked at once a second. */
const SOON_SECONDS = 1

/** The same whatever was wrong: details help only a caller that guesses. */
export function unauthenticated(): Problem {
  return new Problem({
    status: 401,
    slug: 'unauthenticated',
    title: 'Authentication required',
    detail: 'send a valid key or token: Authorization: Bearer …',
  })
}

export function forbiddenChannel(channel: Channel): Problem {
  return new Problem({
    status: 403,
    slug: 'channel-not-allowed',
    title: 'The client is not allowed to use this channel',
    detail: `this client may not publish on channel ${JSON.stringify(channel.name)}`,
  })
}

export function rateLimited(maxPerMinute: number, retryAfterSeconds: number): Problem {
  return new Problem({
    status: 429,
    slug: 'rate-limited',
    title: 'Rate limit exceeded',
    detail: `this client may send ${maxPerMinute} messages a minute; try again in ${retryAfterSeconds} s`,
    retryAfterSeconds,
  })
}

export function overloaded(): Problem {
  return new Problem({
    status: 503,
    slug: 'overloaded',
    title: 'The producer is overloaded',
    detail: 'nothing was stored; try again later, with the same idempotency key',
    retryAfterSeconds: SOON_SECONDS,
  })
}

export function tooManyBatches(most: number): Problem {
  return new Problem({
    status: 503,
    slug: 'too-many-batches',
    title: 'Too many batches in progress',
    detail: `${most} batches run at a time, and all places are in use; nothing was stored, try again later`,
    retryAfterSeconds: SOON_SECONDS,
  })
}

/** Not an answer to the request but the last line of its batch. */
export function batchGaveWay(): Problem {
  return new Problem({
    status: 503,
    slug: 'batch-gave-way',
    title: 'The batch gave way to another client',
    detail: 'all places are taken and others have less than their share; send this message and those after it again',
    retryAfterSeconds: SOON_SECONDS,
  })
}

export function tooManyBytes(most: number): Problem {
  return new Problem({
    status: 413,
    slug: 'batch-too-large',
    title: 'The batch is too large',
    detail: `a batch has at most ${most} bytes; this message and those after it were not processed`,
  })
}

export function tooManyMessages(most: number): Problem {
  return new Problem({
    status: 413,
    slug: 'batch-too-large',
    title: 'The batch is too large',
    detail: `a batch has at most ${most} messages; this one and those after it were not processed`,
  })
}

export function batchTookTooLong(timeoutMs: number): Problem {
  return new Problem({
    status: 408,
    slug: 'batch-timeout',
    title: 'The batch took too long',
    detail: `a batch may take ${timeoutMs} ms; this message and those after it were not processed`,
  })
}
