import type { Channel } from './define-channel.ts'
import type { Stream } from './define-stream.ts'
import { ContractError } from './contract-error.ts'

/** Every channel and stream of the house, checked against each other. */
export interface Contracts<C extends readonly Channel[] = readonly Channel[]> {
  readonly channels: C
  readonly streams: readonly Stream[]
  /** The channel of that name, or undefined. */
  channel(name: string): C[number] | undefined
  /** The stream that stores the channel. */
  streamOf(channel: Channel): Stream
}

/**
 * Puts channels and streams together.
 *
 * @throws ContractError naming the channel: two of one name, two on one subject, one in no stream or in two, a version without the one before it.
 */
export function defineContracts<const C extends readonly Channel[]>(declared: {
  readonly channels: C
  readonly streams: readonly Stream[]
}): Contracts<C> {
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
  const streamByChannel = mapStreams(declared.streams, byName)
  for (const channel of declared.channels) {
    if (!streamByChannel.has(channel.name)) {
      throw new ContractError(
        `channel ${JSON.stringify(channel.name)} is in no stream: its messages would be stored nowhere; add it to a stream's channels`,
      )
    }
  }
  return Object.freeze({
    channels: declared.channels,
    streams: declared.streams,
    channel: (name: string) => byName.get(name),
    streamOf: (channel: Channel) => {
      const stream = streamByChannel.get(channel.name)
      if (!stream) throw new ContractError(`channel ${JSON.stringify(channel.name)} is not part of these contracts`)
      return stream
    },
  })
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
