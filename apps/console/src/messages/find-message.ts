import type { Channel, Contracts } from '@alarm-bus/contracts'
import { type Bus, HeaderName, KitError, type ReadItem } from '@alarm-bus/nats-kit'
import { lookAtStream } from '@alarm-bus/nats-kit/admin'
import type { MessageDetail, MessageFound } from '../api.ts'
import type { Letters } from '../letters/letters.ts'
import type { Arrow } from '../look/arrows.ts'
import { appAnswers, type Ask, type Place } from './app-answers.ts'
import { showItem } from './show-item.ts'

/** Stored messages of a channel that are looked through for an id, the newest: no broker finds one by its id. */
const MAX_SEARCHED = 10_000
const MAX_SEARCH_MS = 5_000
const MAX_MATCHES = 20

type Stored = Exclude<ReadItem, { kind: 'gap' }>

export interface FindMessageOptions {
  readonly bus: Pick<Bus, 'read' | 'connection'>
  readonly contracts: Contracts
  readonly channels: readonly Channel[]
  readonly ask: Ask
  readonly letters: Letters
  readonly arrows: () => readonly Arrow[]
}

/** Finds messages by message id, request id, or `<stream>:<sequence>`. */
export async function findMessage(
  options: FindMessageOptions,
  query: string,
  by: 'any' | 'id' | 'requestId' | 'sequence',
  signal: AbortSignal,
): Promise<MessageFound> {
  const place = /^([A-Za-z0-9_-]{1,64}):([1-9]\d{0,14})$/.exec(query)
  if (place && (by === 'any' || by === 'sequence')) {
    const found = await atSequence(options, place[1] as string, Number(place[2]))
    return { matches: found ? [found] : [], searched: null }
  }
  if (by === 'sequence') return { matches: [], searched: null }
  if (by !== 'requestId') {
    const known = await askedFor(options, query)
    if (known.length > 0) return { matches: known, searched: null }
  }
  return search(options, query, by, signal)
}

/** An app that keeps what it was sent says where it is stored. */
async function askedFor(options: FindMessageOptions, id: string): Promise<readonly MessageDetail[]> {
  const found = options.channels.map(async (channel) => {
    const { log, delivery } = await appAnswers(options.ask, channel.name, id, undefined)
    if (log.answer !== 'known' && delivery.answer !== 'known') return []
    const stored = log.answer === 'known' ? await readAt(options, channel, log.seq) : undefined
    // A stream that was made again counts from one again.
    const isSame = stored?.id === id
    return [await detailOf(options, channel, isSame ? stored : undefined, { id, log, delivery })]
  })
  return (await Promise.all(found)).flat()
}

async function atSequence(
  options: FindMessageOptions,
  stream: string,
  seq: number,
): Promise<MessageDetail | undefined> {
  for (const channel of options.channels) {
    if (options.contracts.streamOf(channel).name !== stream) continue
    const stored = await readAt(options, channel, seq)
    if (stored) return detailOf(options, channel, stored)
  }
  const [letter] = await options.letters.ofMessage(stream, seq).catch(() => [])
  const channel = options.channels.find(({ name }) => name === letter?.channel)
  if (!letter || !channel) return undefined
  return { ...(await detailOf(options, channel, undefined)), stream, seq, deadLetters: [letter] }
}

async function readAt({ bus }: FindMessageOptions, channel: Channel, seq: number): Promise<Stored | undefined> {
  const at = { sequence: seq }
  for await (const item of bus.read(channel, { from: at, to: at, maxMessages: 1 })) {
    if (item.kind !== 'gap' && item.seq === seq) return item
  }
  return undefined
}

async function search(
  options: FindMessageOptions,
  query: string,
  by: 'any' | 'id' | 'requestId',
  signal: AbortSignal,
): Promise<MessageFound> {
  const endsAt = performance.now() + MAX_SEARCH_MS
  const matches: MessageDetail[] = []
  let messages = 0
  let complete = true
  const isMatch = (item: Stored): boolean =>
    (by !== 'requestId' && item.id === query) || (by !== 'id' && item.header(HeaderName.RequestId) === query)
  for (const channel of options.channels) {
    const state = (await lookAtStream(options.bus.connection, options.contracts.streamOf(channel).name))?.state
    if (!state || state.last_seq === 0 || state.messages === 0) continue
    const from = Math.max(1, state.first_seq, state.last_seq - MAX_SEARCHED + 1)
    if (from > state.first_seq) complete = false
    try {
      for await (const item of options.bus.read(channel, { from: { sequence: from }, signal })) {
        if (item.kind === 'gap') continue
        messages++
        if (isMatch(item)) matches.push(await detailOf(options, channel, item))
        if (matches.length === MAX_MATCHES || performance.now() > endsAt) {
          complete = false
          break
        }
      }
    } catch (error) {
      if (!KitError.is(error) || !signal.aborted) throw error
      complete = false
    }
  }
  return { matches, searched: { messages, complete } }
}

async function detailOf(
  options: FindMessageOptions,
  channel: Channel,
  stored: Stored | undefined,
  known?: Pick<MessageDetail, 'id' | 'log' | 'delivery'>,
): Promise<MessageDetail> {
  const { contracts, ask, letters, arrows } = options
  const id = stored?.id ?? known?.id ?? null
  const stream = contracts.streamOf(channel).name
  const logged = known?.log.answer === 'known' ? known.log : undefined
  const place: Place | undefined = stored
    ? { stream, seq: stored.seq, storedAtMs: stored.storedAt.getTime() }
    : logged && { stream: logged.stream, seq: logged.seq, storedAtMs: logged.storedAtMs }
  const unknown = { answer: 'unknown' } as const
  const { log, delivery } =
    known ?? (id === null ? { log: unknown, delivery: unknown } : await appAnswers(ask, channel.name, id, place))
  return {
    channel: channel.name,
    id,
    requestId: stored?.header(HeaderName.RequestId) ?? null,
    stream: place?.stream ?? null,
    seq: place?.seq ?? null,
    publishedAtMs: place?.storedAtMs ?? null,
    ...(stored && { message: showItem(channel, stored, false).shown }),
    consumers: arrows()
      .filter(({ shown }) => shown.channel === channel.name)
      .map(({ shown, info }) => ({
        consumer: shown.consumer,
        app: shown.app,
        state: place && info ? stateOf(place.seq, info.delivered.stream_seq, info.ack_floor.stream_seq) : 'unknown',
      })),
    log,
    delivery,
    deadLetters: place ? await letters.ofMessage(place.stream, place.seq) : [],
  }
}

function stateOf(seq: number, delivered: number, floor: number): 'settled' | 'in_flight' | 'unread' {
  return seq <= floor ? 'settled' : seq > delivered ? 'unread' : 'in_flight'
}
