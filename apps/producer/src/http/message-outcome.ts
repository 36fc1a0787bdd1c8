import {
  alarmDelivery,
  alarmLogged,
  type Channel,
  type RequestContract,
  type RequestInputOf,
  type ResponseOf,
} from '@alarm-bus/contracts'
import { KitError, remoteErrorOf, type Requester } from '@alarm-bus/nats-kit'
import { z } from 'zod'

export type Ask = Requester['request']

const noAnswer = z.object({
  answer: z.literal('no-answer'),
  why: z.string().meta({ description: 'no_responder: the app does not run. timeout: it is too slow. Else its error.' }),
})
const nothing = z.object({
  answer: z.enum(['unknown', 'none']).meta({ description: 'unknown: not seen. none: not this app’s business.' }),
})
const log = z.object({ answer: z.literal('known'), stream: z.string(), seq: z.int(), storedAt: z.string() })
const delivery = z.object({
  answer: z.literal('known'),
  state: z.string(),
  deliveries: z.int().optional(),
  sinks: z.array(
    z.object({ name: z.string(), state: z.string(), at: z.string().optional(), error: z.string().optional() }),
  ),
  retryAt: z.string().optional(),
  error: z.string().optional(),
})

/** What each app says of a message. */
export const messageOutcomeSchema = z.object({
  channel: z.string(),
  id: z.string(),
  log: z.union([log, nothing, noAnswer]),
  delivery: z.union([delivery, nothing, noAnswer]),
})
export type MessageOutcome = z.infer<typeof messageOutcomeSchema>

/** Asks the apps that handle the channel what became of a message. Never rejects for what they answer. */
export async function messageOutcome(ask: Ask, { name: channel }: Channel, id: string): Promise<MessageOutcome> {
  const [logged, seen] = await Promise.all([
    answerOf(ask, alarmLogged, { channel, id }),
    answerOf(ask, alarmDelivery, { channel, id }),
  ])
  // An instance that did not see it finds what was sent by where it is stored.
  const isRecorded = seen.answer === 'unknown' && logged.answer === 'known'
  const delivered = isRecorded ? await answerOf(ask, alarmDelivery, { channel, id, stored: logged.response }) : seen
  return {
    channel,
    id,
    log: logged.answer === 'known' ? loggedOf(logged.response) : logged,
    delivery: delivered.answer === 'known' ? deliveredOf(delivered.response) : delivered,
  }
}

type Answered<R extends RequestContract> =
  | { readonly answer: 'known'; readonly response: ResponseOf<R> }
  | { readonly answer: 'unknown' | 'none' }
  | { readonly answer: 'no-answer'; readonly why: string }

async function answerOf<R extends RequestContract>(
  ask: Ask,
  request: R,
  input: RequestInputOf<R>,
): Promise<Answered<R>> {
  try {
    return { answer: 'known', response: await ask(request, input) }
  } catch (error) {
    const { code } = remoteErrorOf<RequestContract>(request, error) ?? {}
    if (code === 'unknown_message') return { answer: 'unknown' }
    if (code === 'other_channel') return { answer: 'none' }
    if (!KitError.is(error)) throw error
    return { answer: 'no-answer', why: code ?? error.code }
  }
}

function loggedOf({ stream, seq, storedAtMs }: ResponseOf<typeof alarmLogged>): z.infer<typeof log> {
  return { answer: 'known', stream, seq, storedAt: iso(storedAtMs) }
}

function deliveredOf({ sinks, retryAtMs, ...rest }: ResponseOf<typeof alarmDelivery>): z.infer<typeof delivery> {
  return {
    answer: 'known',
    ...rest,
    sinks: sinks.map(({ atMs, ...sink }) => ({ ...sink, ...(atMs !== undefined && { at: iso(atMs) }) })),
    ...(retryAtMs !== undefined && { retryAt: iso(retryAtMs) }),
  }
}

/** A time that is no date would throw. */
function iso(ms: number): string {
  return new Date(Math.min(ms, 8.64e15)).toISOString()
}
