import type { App, Channel, Contracts } from '@alarm-bus/contracts'
import { catalogueOfRequests } from './catalogue-requests.ts'
import { describeRetention, describeVersion } from './describe-channel.ts'
import { describeRetry } from './describe-retry.ts'
import { examplesOf } from './examples.ts'
import type { DocumentedBus } from './to-asyncapi.ts'

/** Every channel and request of the bus for people, in Markdown. */
export function toCatalogue({ contracts, apps }: DocumentedBus): string {
  const lines = [
    '# Channels',
    '',
    'Made by `pnpm contracts:docs` from the contracts and from what each app declares; change those.',
    '',
    '| channel | subject | owner | published by | handled by |',
    '|---|---|---|---|---|',
    ...contracts.channels.map((channel) => row(channel, apps)),
    ...contracts.channels.flatMap((channel) => ['', ...section(contracts, channel, apps)]),
    ...catalogueOfRequests(contracts.requests, apps),
  ]
  return `${lines.join('\n')}\n`
}

const names = (apps: readonly App[]): string => apps.map(({ name }) => `\`${name}\``).join(', ') || 'no app'

function publishersOf(channel: Channel, apps: readonly App[]): readonly App[] {
  return apps.filter(({ publishes }) => publishes.includes(channel))
}

function handlersOf(channel: Channel, apps: readonly App[]): readonly App[] {
  return apps.filter(({ handles }) => handles.some((handled) => handled.channel === channel))
}

function row(channel: Channel, apps: readonly App[]): string {
  const cells = [
    `[${channel.name}](#${channel.name})`,
    `\`${channel.subject}\``,
    channel.owner ?? 'none',
    names(publishersOf(channel, apps)),
    names(handlersOf(channel, apps)),
  ]
  return `| ${cells.join(' | ')} |`
}

function section(contracts: Contracts, channel: Channel, apps: readonly App[]): readonly string[] {
  const example = examplesOf(channel)[0]
  return [
    `## ${channel.name}`,
    '',
    channel.description,
    '',
    `- ${describeVersion(channel)}`,
    `- ${describeRetention(contracts, channel)}`,
    ...apps.flatMap((app) =>
      app.handles
        .filter((handled) => handled.channel === channel)
        .map((handled) => `- \`${app.name}\` (${app.owner}): ${describeRetry(handled)}`),
    ),
    ...apps.flatMap(({ name, owner, reads, hears }) => [
      ...(reads.includes(channel) ? [`- \`${name}\` (${owner}) reads what is stored.`] : []),
      ...(hears.includes(channel) ? [`- \`${name}\` (${owner}) hears what is published at most once.`] : []),
    ]),
    ...(example === undefined ? [] : ['', '```json', JSON.stringify(example), '```']),
    '',
    '```json',
    JSON.stringify(channel.jsonSchema, null, 2),
    '```',
  ]
}
