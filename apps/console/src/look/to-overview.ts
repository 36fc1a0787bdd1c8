import type { App, Contracts } from '@alarm-bus/contracts'
import type { AppNode, ChannelNode, Connection, HandleArrow, Health, Overview } from '../api.ts'
import type { Arrow } from './arrows.ts'
import type { BrokerLook } from './look-at-broker.ts'
import { problemsOf } from './problems.ts'
import type { Rates } from './rates.ts'

export interface OverviewOf {
  readonly contracts: Contracts
  readonly apps: readonly App[]
  readonly connection: Connection
  readonly look: BrokerLook | undefined
  readonly rates: Rates
  readonly arrows: readonly Arrow[]
}

export function toOverview({ contracts, apps, connection, look, rates, arrows }: OverviewOf): Overview {
  const handles = arrows.map(({ shown }) => shown)
  return {
    lookedAtMs: look?.atMs ?? 0,
    connection,
    apps: apps.map((app) => appNode(app, handles)),
    channels: contracts.channels.map((channel): ChannelNode => {
      const stream = contracts.streamOf(channel).name
      const info = look?.streams.find((one) => one.stream.name === stream)?.info
      const own = handles.filter((arrow) => arrow.channel === channel.name)
      return {
        name: channel.name,
        subject: channel.subject,
        stream,
        version: channel.version,
        owner: channel.owner ?? '',
        description: channel.description,
        messages: info?.state.subjects?.[channel.subject] ?? 0,
        publishedPerSecond: rates.published.get(channel.name) ?? 0,
        deadLetters: own.reduce((sum, arrow) => sum + arrow.deadLetters, 0),
        health: look && !info ? 'error' : worst(own),
      }
    }),
    publishes: apps.flatMap(({ name, publishes }) =>
      publishes.map((channel) => ({ app: name, channel: channel.name })),
    ),
    handles,
    problems: problemsOf(connection, look, arrows),
  }
}

function appNode(app: App, arrows: readonly HandleArrow[]): AppNode {
  const names = (list: readonly { readonly name: string }[]): readonly string[] => list.map(({ name }) => name)
  const own = arrows.filter((arrow) => arrow.app === app.name)
  return {
    name: app.name,
    description: app.description,
    owner: app.owner,
    publishes: names(app.publishes),
    handles: names(app.handles.map(({ channel }) => channel)),
    reads: names(app.reads),
    asks: names(app.asks),
    answers: names(app.answers),
    health: own.length === 0 ? 'unknown' : worst(own),
  }
}

function worst(arrows: readonly HandleArrow[]): Health {
  const all = arrows.map(({ health }) => health)
  return all.includes('error') ? 'error' : all.includes('warning') ? 'warning' : 'ok'
}
