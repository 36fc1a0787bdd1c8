import type { Channel, MessageInputOf } from '@alarm-bus/contracts'
import type { PublishReceipt } from '@alarm-bus/nats-kit'
import { arrayItems } from './array-items.ts'
import type { Item } from './batch-item.ts'
import { tooManyMessages } from './edge-problems.ts'
import { inOrder } from './in-order.ts'
import { ndjsonItems } from './ndjson-items.ts'
import type { Problem } from '@alarm-bus/service'
import { toProblem } from './to-problem.ts'

/** Messages of one batch that wait for the broker. */
const MAX_IN_FLIGHT = 64
/** Issues of one line that are listed. */
const MAX_ISSUES = 10

export interface BatchOptions {
  readonly chunks: AsyncIterable<Buffer>
  readonly isArray: boolean
  readonly channel: Channel
  readonly maxMessages: number
  /** Stores one message; `index` counts from 0. */
  readonly publish: (message: MessageInputOf<Channel>, index: number) => Promise<PublishReceipt>
  /** Why the batch ended before its end; undefined while it goes on, and when the caller has gone. */
  readonly cutShort: () => Problem | undefined
  /** Hears of every problem, before its line goes out. */
  readonly onProblem: (problem: Problem, index: number) => void
}

interface Numbered {
  readonly index: number
  readonly item: Item
}

/** One line of NDJSON a message, in their order: `{ index, id, seq, duplicate }` or `{ index, error }`. */
export function batchAnswers(options: BatchOptions): AsyncGenerator<string> {
  const { publish, onProblem } = options
  const answer = async ({ index, item }: Numbered): Promise<string> => {
    try {
      if ('error' in item) throw item.error
      const { id, seq, duplicate } = await publish(item.value as MessageInputOf<Channel>, index)
      return `${JSON.stringify({ index, id, seq, duplicate })}\n`
    } catch (error) {
      const problem = toProblem(error)
      onProblem(problem, index)
      return `${JSON.stringify({ index, error: inBrief(problem) })}\n`
    }
  }
  return inOrder(numbered(options), answer, MAX_IN_FLIGHT)
}

async function* numbered(options: BatchOptions): AsyncGenerator<Numbered> {
  const { chunks, isArray, channel, maxMessages, cutShort } = options
  const items = isArray ? arrayItems(chunks, channel.maxMessageBytes) : ndjsonItems(chunks, channel.maxMessageBytes)
  let index = 0
  for await (const item of items) {
    // What a chunk that was cut off left behind is no message.
    if (cutShort()) break
    if (index === maxMessages) return yield { index, item: { error: tooManyMessages(maxMessages) } }
    yield { index: index++, item }
    if ('error' in item && item.last) return
  }
  const why = cutShort()
  if (why) yield { index, item: { error: why } }
}

/** As a problem's body, without what only a whole answer has. */
function inBrief({ slug, title, status, message, retryAfterSeconds, extensions }: Problem) {
  const errors = extensions['errors']
  return {
    type: `urn:alarm-bus:problem:${slug}`,
    title,
    status,
    detail: message.slice(0, 512),
    ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
    ...(Array.isArray(errors) && { errors: errors.slice(0, MAX_ISSUES) }),
  }
}
