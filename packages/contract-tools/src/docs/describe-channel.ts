import type { Channel, Contracts } from '@alarm-bus/contracts'

/** What a team has to know of a channel, in sentences. */
export function describeChannel(contracts: Contracts, channel: Channel): string {
  return [channel.description, describeVersion(channel), describeRetention(contracts, channel)].join(' ')
}

export function describeVersion({ owner, version, compatibility, maxMessageBytes }: Channel): string {
  const whose = owner === undefined ? 'Without an owner' : `Owned by ${owner}`
  return `${whose}, version ${version}, compatibility \`${compatibility}\`, at most ${maxMessageBytes.toLocaleString('en')} bytes a message.`
}

export function describeRetention(contracts: Contracts, channel: Channel): string {
  const stream = contracts.streamOf(channel)
  const shared = stream.channels.length > 1 ? ' together with the stream’s other channels' : ''
  const full = stream.discard === 'old' ? 'the oldest message goes' : 'a new message is refused'
  return `Kept in \`${stream.name}\` for ${age(stream.maxAgeMs)}, at most ${stream.maxMessages.toLocaleString('en')} messages and ${bytes(stream.maxBytes)}${shared}; past a limit ${full}.`
}

function age(ms: number): string {
  const [count, unit] = ms >= 86_400_000 ? [ms / 86_400_000, 'day'] : [ms / 3_600_000, 'hour']
  const shown = Number(count.toFixed(1))
  return `${shown} ${unit}${shown === 1 ? '' : 's'}`
}

function bytes(count: number): string {
  return count >= 2 ** 30
    ? `${Number((count / 2 ** 30).toFixed(2))} GiB`
    : `${Number((count / 2 ** 20).toFixed(2))} MiB`
}
