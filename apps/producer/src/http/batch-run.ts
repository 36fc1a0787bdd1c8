import type { ServerResponse } from 'node:http'
import type { Channel } from '@alarm-bus/contracts'
import type { Place, Problem, WriteLine } from '@alarm-bus/service'
import type { FastifyRequest } from 'fastify'
import { batchAnswers, type BatchOptions } from './batch-answers.ts'
import { chunksUntil } from './chunks-until.ts'
import { batchGaveWay, batchTookTooLong, tooManyBytes } from './edge-problems.ts'
import { toProblem } from './to-problem.ts'

export const MAX_BATCH_BYTES = 64 * 1_024 * 1_024
/** Shorter than a request may take to arrive, so that a slow batch ends with an answer and not with its connection. */
export const BATCH_TIMEOUT_MS = 25_000
/** So long a batch that has given way may take to read its last answers, in milliseconds; then its connection ends. */
const LAST_ANSWERS_MS = 2_000

export interface BatchRun extends Pick<BatchOptions, 'channel' | 'isArray' | 'maxMessages' | 'publish'> {
  readonly channel: Channel
  readonly request: FastifyRequest
  readonly answer: ServerResponse
  readonly write: WriteLine
  /** @throws Problem when there is none. */
  takePlace(giveWay: () => void): Place
}

/**
 * The answers of a batch, which holds a place for as long as its connection does, or until another client gets it. It
 * ends past its bytes and its time, and when its caller goes away.
 *
 * @throws Problem when there is no place, before anything is read.
 */
export function runBatch(run: BatchRun): AsyncGenerator<string> {
  const { channel, request, answer, write } = run
  const ended = new AbortController()
  let why: Problem | undefined
  const end = (problem?: Problem): void => {
    why ??= problem
    ended.abort()
  }
  let lastAnswers: NodeJS.Timeout | undefined
  const place = run.takePlace(() => {
    end(batchGaveWay())
    lastAnswers = setTimeout(() => answer.destroy(), LAST_ANSWERS_MS)
  })
  const deadline = setTimeout(() => end(batchTookTooLong(BATCH_TIMEOUT_MS)), BATCH_TIMEOUT_MS)
  answer.once('close', () => {
    clearTimeout(deadline)
    clearTimeout(lastAnswers)
    place.leave()
    end()
  })
  async function* chunks(): AsyncGenerator<Buffer> {
    let bytes = 0
    for await (const chunk of chunksUntil(request.raw, ended.signal)) {
      bytes += chunk.length
      if (bytes > MAX_BATCH_BYTES) return end(tooManyBytes(MAX_BATCH_BYTES))
      yield chunk
    }
  }
  async function* answers(): AsyncGenerator<string> {
    for await (const line of batchAnswers({
      ...run,
      chunks: chunks(),
      cutShort: () => why,
      count: countOf(request),
      onProblem: onlyOnce(request, channel, write),
    })) {
      yield line
      // Somebody has taken the line: the batch comes forward.
      place.moved()
    }
  }
  return answers()
}

/** One line a batch: the broker away would be ten thousand. */
function onlyOnce(request: FastifyRequest, channel: Channel, write: WriteLine): BatchOptions['onProblem'] {
  let isReported = false
  return (problem, index) => {
    if (problem.status < 500 || isReported) return
    isReported = true
    const detail = { requestId: request.id, channel: channel.name, index, problem: problem.slug }
    const fields = { event: 'batchMessageFailed', ...detail, err: problem.cause ?? problem }
    write('warn', `batchMessageFailed ${problem.slug}`, fields, problem.message)
  }
}

/** Counts messages of the request's client; the request itself was counted as its first. */
function countOf(request: FastifyRequest): BatchOptions['count'] {
  let isFirst = true
  return async (messages) => {
    let left = isFirst ? messages - 1 : messages
    isFirst = false
    try {
      while (left-- > 0) await request.countMessage?.()
    } catch (error) {
      return toProblem(error)
    }
    return undefined
  }
}
