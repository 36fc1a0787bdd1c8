import type { Contracts } from '@alarm-bus/contracts'
import type { DeclaredConsumer } from '@alarm-bus/nats-kit/admin'
import { ConsumerState, type ConsumerStatus, type Problem, type Status, type StreamStatus } from './status.ts'

/** Share of a stream's bytes from which it is said to be nearly full. */
const NEARLY_FULL = 0.9

/** What a person should know, the worst first. */
export function problemsOf(
  { streams, consumers }: Pick<Status, 'streams' | 'consumers'>,
  contracts: Contracts,
  declared: readonly DeclaredConsumer[],
): readonly Problem[] {
  const there = new Set(streams.map(({ stream }) => stream))
  const missing = contracts.streams.filter(({ name }) => !there.has(name))
  return [
    ...missing.map(({ name }) => ({ what: `stream ${name} is missing`, command: 'pnpm ops plan' })),
    ...appsWithout(consumers, declared),
    ...consumers.flatMap(consumerProblems),
    ...streams.flatMap(streamProblems),
  ]
}

/** What an app may not make itself is made by `ops apply`. */
function appsWithout(consumers: readonly ConsumerStatus[], declared: readonly DeclaredConsumer[]): Problem[] {
  const channels = new Map<string, Set<string>>()
  const found = new Set(consumers.map(({ app, channel }) => `${app}/${channel}`))
  for (const { app, channel } of declared) {
    if (!found.has(`${app}/${channel}`)) channels.set(app, (channels.get(app) ?? new Set()).add(channel))
  }
  return [...channels].map(([app, names]) => ({
    what: `${app} has no consumer for ${[...names].join(', ')}`,
    command: 'pnpm ops apply',
  }))
}

function consumerProblems(status: ConsumerStatus): Problem[] {
  const { stream, consumer, app, unread, deadLetters, redriving } = status
  const problems: Problem[] = []
  const waiting = unread === 1 ? '1 message waits' : `${unread} messages wait`
  if (status.state === ConsumerState.Paused) problems.push({ what: `${consumer} is paused; ${waiting}` })
  if (status.state === ConsumerState.NotRunning && unread > 0)
    problems.push({ what: `${consumer} is not read: no instance of ${app} runs; ${waiting}` })
  if (deadLetters > 0) {
    const letters = deadLetters === 1 ? '1 dead letter' : `${deadLetters} dead letters`
    const command = `pnpm ops dlq list --stream ${stream} --consumer ${consumer}`
    problems.push({ what: `${letters} of ${consumer}`, command })
  }
  if (redriving > 0 && status.state !== ConsumerState.Running)
    problems.push({ what: `${redriving} redriven to ${consumer} and not handled yet` })
  return problems
}

function streamProblems({ stream, bytes, maxBytes }: StreamStatus): Problem[] {
  if (maxBytes <= 0 || bytes < maxBytes * NEARLY_FULL) return []
  const percent = Math.floor((bytes / maxBytes) * 100)
  return [{ what: `${stream} is ${percent} % full; the oldest messages go when it is`, command: 'pnpm ops plan' }]
}
