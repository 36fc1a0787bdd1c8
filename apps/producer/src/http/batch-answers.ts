import type { Channel, MessageInputOf } from '@alarm-bus/contracts'
import type { PublishReceipt } from '@alarm-bus/nats-kit'
import { arrayItems } from './array-items.ts'
import type { Item } from './batch-item.ts'
import { tooManyMessages } from './edge-problems.ts'
import { chunksWithoutMark } from './byte-order-mark.ts'
import { inOrder } from './in-order.ts'
import { ndjsonItems } from './ndjson-items.ts'
import type { Problem } from '@alarm-bus/service'
import { toProblem } from './to-problem.ts'
import { turns } from './turns.ts'

/** Messages of one batch that wait for the broker. */
const MAX_IN_FLIGHT = 64
/** Issues of one line that are listed. */
const MAX_ISSUES = 10
/** What a batch's problems may say in full, in bytes. Then a line says no more than which kind it is: two bytes of a broken line are not answered with hundreds. */
const MAX_DETAILED_BYTES = 65_536

export interface BatchOptions {
  readonly chunks: AsyncIterable<Buffer>
  readonly isArray: boolean
  readonly channel: Channel
  readonly maxMessages: number
  /** Counts so many messages of the client, told apart or passed over; a problem when they are too many. */
  readonly count: (messages: number) => Promise<Problem | undefined>
  /** Stores one message; `index` counts from 0. */
  readonly publish: (message: MessageInputOf<Channel>, index: number) => Promise<PublishReceipt>
  /** Why the batch ended before its end; undefined while it goes on, and when the caller has gone. */
  readonly cutShort: () => Problem | undefined
  /** Hears of every problem, before its line goes out. */
  readonly onProblem: (problem: Problem, index: number) => void
}

interface Numbered {
  readonly index: number
  readonly item: Exclude<Item, { readonly passedOver: number }>
}

/** One line of NDJSON a message, in their order: `{ index, id, seq, duplicate }` or `{ index, error }`. */
export function batchAnswers(options: BatchOptions): AsyncGenerator<string> {
  const { publish, onProblem } = options
  let detailedBytes = 0
  const answer = async ({ index, item }: Numbered): Promise<string> => {
    try {
      if ('error' in item) throw item.error
      const { id, seq, duplicate } = await publish(item.value as MessageInputOf<Channel>, index)
      return `${JSON.stringify({ index, id, seq, duplicate })}\n`
    } catch (error) {
      const problem = toProblem(error)
      onProblem(problem, index)
      if (detailedBytes >= MAX_DETAILED_BYTES) return `${JSON.stringify({ index, error: kindOf(problem) })}\n`
      const line = `${JSON.stringify({ index, error: inBrief(problem) })}\n`
      detailedBytes += line.length
      return line
    }
  }
  return inOrder(numbered(options), answer, MAX_IN_FLIGHT)
}

async function* numbered(options: BatchOptions): AsyncGenerator<Numbered> {
  const { isArray, channel, maxMessages, count, cutShort } = options
  const chunks = chunksWithoutMark(options.chunks)
  const items = isArray ? arrayItems(chunks, channel.maxMessageBytes) : ndjsonItems(chunks, channel.maxMessageBytes)
  const turn = turns()
  let index = 0
  for await (const item of items) {
    // What a chunk that was cut off left behind is no message.
    if (cutShort()) break
    const isMessage = !('passedOver' in item)
    if (isMessage && index === maxMessages) return yield { index, item: { error: tooManyMessages(maxMessages) } }
    // Broken or not: what is read is counted.
    const refused = await count(isMessage ? 1 : item.passedOver)
    if (turn.isOver()) await turn.next()
    if (!isMessage) {
      if (refused) return yield { index, item: { error: refused } }
      continue
    }
    yield { index: index++, item: refused ? { error: refused } : item }
    if ('error' in item && item.last) return
  }
  const why = cutShort()
  if (why) yield { index, item: { error: why } }
}

/** As a problem's body, without what only a whole answer has. */
function inBrief(problem: Problem) {
  const { slug, title, status, message, retryAfterSeconds, extensions } = problem
  const errors = extensions['errors']
  return {
    type: typeOf(slug),
    title,
    status,
    detail: message.slice(0, 512),
    ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
    ...(Array.isArray(errors) && { errors: errors.slice(0, MAX_ISSUES) }),
  }
}

/** What it is, and nothing of this one. */
function kindOf({ slug, title, status }: Problem) {
  return { type: typeOf(slug), status, detail: title }
}

function typeOf(slug: string): string {
  return `urn:alarm-bus:problem:${slug}`
}
