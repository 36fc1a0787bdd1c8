import {
  alarmDelivery,
  alarmLogged,
  type RequestContract,
  type RequestInputOf,
  type ResponseOf,
} from '@alarm-bus/contracts'
import { KitError, remoteErrorOf, type Requester } from '@alarm-bus/nats-kit'
import type { DeliveryAnswer, LogAnswer } from '../api.ts'

export type Ask = Requester['request']

/** Where a message is stored, as one app tells and another one asks for. */
export interface Place {
  readonly stream: string
  readonly seq: number
  readonly storedAtMs: number
}

/** What the apps that handle the channel know of a message. Never rejects for what they answer. */
export async function appAnswers(
  ask: Ask,
  channel: string,
  id: string,
  place: Place | undefined,
): Promise<{ readonly log: LogAnswer; readonly delivery: DeliveryAnswer }> {
  const [logged, seen] = await Promise.all([
    answerOf(ask, alarmLogged, { channel, id }),
    answerOf(ask, alarmDelivery, { channel, id, ...(place && { stored: place }) }),
  ])
  // An instance that did not see it finds what was sent by where it is stored.
  const isRecorded = !place && seen.answer === 'unknown' && logged.answer === 'known'
  const delivered = isRecorded ? await answerOf(ask, alarmDelivery, { channel, id, stored: logged.response }) : seen
  return {
    log: logged.answer === 'known' ? { answer: 'known', ...logged.response } : logged,
    delivery: delivered.answer === 'known' ? deliveryOf(delivered.response) : delivered,
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

function deliveryOf({ state, deliveries, sinks, retryAtMs, error }: ResponseOf<typeof alarmDelivery>): DeliveryAnswer {
  return {
    answer: 'known',
    state,
    deliveries: deliveries ?? null,
    sinks: sinks.map(({ name, state: sinkState, atMs, error: why }) => ({
      name,
      state: sinkState,
      atMs: atMs ?? null,
      error: why ?? null,
    })),
    retryAtMs: retryAtMs ?? null,
    error: error ?? null,
  }
}
