import type { Channel } from './define-channel.ts'
import type { RequestContract } from './define-request.ts'
import type { Stream } from './define-stream.ts'
import { ContractError } from './contract-error.ts'

/** Every channel, stream and request of the house, checked against each other. */
export interface Contracts<
  C extends readonly Channel[] = readonly Channel[],
  R extends readonly RequestContract[] = readonly RequestContract[],
> {
  readonly channels: C
  readonly requests: R
  readonly streams: readonly Stream[]
  /** The channel of that name, or undefined. */
  channel(name: string): C[number] | undefined
  /** The request of that name, or undefined. */
  request(name: string): R[number] | undefined
  /** The stream that stores the channel, or the channel of a stored request. */
  streamOf(channel: Channel): Stream
}

/**
 * Puts channels, streams and requests together.
 *
 * @throws ContractError naming the channel: two of one name, two on one subject, one in no stream or in two, a version without the one before it;
 * or the request: one called like another request or a channel, or on the subject of one.
 */
export function defineContracts<
  const C extends readonly Channel[],
  const R extends readonly RequestContract[] = readonly RequestContract[],
>(declared: {
  readonly channels: C
  readonly streams: readonly Stream[]
  /** Default none. */
  readonly requests?: R
}): Contracts<C, R> {
  const byName = new Map<string, Channel>()
  const bySubject = new Map<string, Channel>()
  for (const channel of declared.channels) {
    if (byName.has(channel.name)) {
      throw new ContractError(`channel ${JSON.stringify(channel.name)} is declared twice; names are unique`)
    }
    const other = bySubject.get(channel.subject)
    if (other) {
      throw new ContractError(
        `channel ${JSON.stringify(channel.name)} uses subject ${JSON.stringify(channel.subject)}, which belongs to channel ${JSON.stringify(other.name)}`,
      )
    }
    byName.set(channel.name, channel)
    bySubject.set(channel.subject, channel)
  }
  for (const { name, previous } of declared.channels) {
    if (previous && byName.get(previous.channel.name) !== previous.channel) {
      throw new ContractError(
        `channel ${JSON.stringify(name)} is the next version of ${JSON.stringify(previous.channel.name)}, which is not declared; declare both, or once the old one is gone ${JSON.stringify(name)} with defineChannel`,
      )
    }
  }
  const requests = declared.requests ?? ([] as readonly RequestContract[] as R)
  const requestByName = mapRequests(requests, byName, bySubject)
  const stored = new Map(requests.flatMap((one) => (one.stored ? [[one.name, one.stored.channel] as const] : [])))
  const streamByChannel = mapStreams(declared.streams, new Map([...byName, ...stored]))
  for (const channel of declared.channels) {
    if (!streamByChannel.has(channel.name)) {
      throw new ContractError(
        `channel ${JSON.stringify(channel.name)} is in no stream: its messages would be stored nowhere; add it to a stream's channels`,
      )
    }
  }
  for (const name of stored.keys()) {
    if (!streamByChannel.has(name))
      throw new ContractError(
        `request ${JSON.stringify(name)} is a stored one and in no stream; add it to a stream's requests`,
      )
  }
  return Object.freeze({
    channels: declared.channels,
    requests,
    streams: declared.streams,
    channel: (name: string) => byName.get(name),
    request: (name: string) => requestByName.get(name),
    streamOf: (channel: Channel) => {
      const stream = streamByChannel.get(channel.name)
      if (!stream) throw new ContractError(`channel ${JSON.stringify(channel.name)} is not part of these contracts`)
      return stream
    },
  })
}

/** A request on a subject that a stream stores would be stored, and answered by the stream. */
function mapRequests(
  requests: readonly RequestContract[],
  channels: ReadonlyMap<string, Channel>,
  subjects: ReadonlyMap<string, Channel>,
): Map<string, RequestContract> {
  const byName = new Map<string, RequestContract>()
  for (const request of requests) {
    const refuse = (why: string): never => {
      throw new ContractError(`request ${JSON.stringify(request.name)} ${why}`)
    }
    if (byName.has(request.name)) refuse('is declared twice; names are unique')
    if (channels.has(request.name)) refuse('is called like a channel; documents and URLs name both')
    const channel =
      subjects.get(request.subject.replace(/^core\./, '')) ??
      [...subjects.values()].find(({ subject }) => isAskedOn(request, subject))
    const other = requests.find(
      (one) => one !== request && (one.subject === request.subject || isAskedOn(request, one.subject)),
    )
    const holder = channel
      ? `channel ${JSON.stringify(channel.name)}`
      : other && `request ${JSON.stringify(other.name)}`
    if (holder) refuse(`uses subject ${JSON.stringify(request.subject)}, which belongs to ${holder}`)
    byName.set(request.name, request)
  }
  return byName
}

/** Whether an app may send the stored request on that subject. */
function isAskedOn({ subject, stored }: RequestContract, other: string): boolean {
  return stored !== undefined && other.startsWith(`${subject}.`) && !other.slice(subject.length + 1).includes('.')
}

function mapStreams(streams: readonly Stream[], channels: ReadonlyMap<string, Channel>): Map<string, Stream> {
  const names = new Set<string>()
  const streamByChannel = new Map<string, Stream>()
  for (const stream of streams) {
    if (names.has(stream.name)) throw new ContractError(`stream ${JSON.stringify(stream.name)} is declared twice`)
    names.add(stream.name)
    for (const channel of stream.channels) {
      const other = streamByChannel.get(channel.name)
      if (other) {
        throw new ContractError(
          `channel ${JSON.stringify(channel.name)} is in stream ${other.name} and in ${stream.name}; a subject has one stream`,
        )
      }
      if (channels.get(channel.name) !== channel) {
        throw new ContractError(
          `channel ${JSON.stringify(channel.name)} is in stream ${stream.name} but not among the declared channels`,
        )
      }
      streamByChannel.set(channel.name, stream)
    }
  }
  return streamByChannel
}
