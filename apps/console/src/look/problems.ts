import type { Connection, CurrentProblem } from '../api.ts'
import type { Arrow } from './arrows.ts'
import type { BrokerLook, StreamLook } from './look-at-broker.ts'

/** Share of a stream's bytes or messages from which it is said to be nearly full. */
const NEARLY_FULL = 0.9

/** What is wrong now, the worst first. */
export function problemsOf(
  connection: Connection,
  look: BrokerLook | undefined,
  arrows: readonly Arrow[],
): readonly CurrentProblem[] {
  const problems = [
    ...(connection.state === 'connected' ? [] : [brokerAway(connection)]),
    ...(look?.streams ?? []).flatMap(streamProblems),
    ...arrows.flatMap(consumerProblems),
  ]
  return problems.sort((a, b) => rank(a) - rank(b))
}

function rank({ severity }: CurrentProblem): number {
  return severity === 'error' ? 0 : 1
}

function brokerAway({ detail = '' }: Connection): CurrentProblem {
  return {
    id: 'broker_away',
    kind: 'broker_away',
    severity: 'error',
    text: 'The broker does not answer; what is shown is from before.',
    params: { detail },
    mend: { text: 'Start the broker. The console reconnects by itself.' },
  }
}

function streamProblems({ stream, info }: StreamLook): readonly CurrentProblem[] {
  const { name } = stream
  if (!info) {
    return [
      {
        id: `stream_missing ${name}`,
        kind: 'stream_missing',
        severity: 'error',
        text: `Stream ${name} is not on the broker.`,
        params: { stream: name },
        mend: { href: '/streams', command: 'pnpm ops apply', text: 'Create it.' },
      },
    ]
  }
  const { bytes, messages } = info.state
  const { max_bytes: maxBytes, max_msgs: maxMessages } = info.config
  const share = Math.max(maxBytes > 0 ? bytes / maxBytes : 0, maxMessages > 0 ? messages / maxMessages : 0)
  // A stream of a fixed number of messages is full for good, and loses the oldest as declared.
  if (share < NEARLY_FULL || (info.config.discard === 'old' && maxMessages > 0 && messages >= maxMessages)) return []
  const percent = Math.floor(share * 100)
  return [
    {
      id: `stream_nearly_full ${name}`,
      kind: 'stream_nearly_full',
      severity: 'warning',
      text: `Stream ${name} is ${percent} % full; the oldest messages go when it is.`,
      params: { stream: name, percent },
      mend: { href: '/streams', text: 'Handle what waits, or raise its limits.' },
    },
  ]
}

function consumerProblems({ shown, isStalled }: Arrow): readonly CurrentProblem[] {
  const { app, channel, stream, consumer, state, lag, ackPending, deadLetters, redriving } = shown
  const params = { app, channel, stream, consumer, lag, ackPending, deadLetters, redriving }
  const href = `/consumers/${stream}/${consumer}`
  const waiting = lag === 1 ? '1 message waits' : `${lag} messages wait`
  const problem = (
    kind: CurrentProblem['kind'],
    severity: CurrentProblem['severity'],
    text: string,
    mend: CurrentProblem['mend'],
  ): CurrentProblem => ({ id: `${kind} ${stream} ${consumer}`, kind, severity, text, params, mend })
  const found: CurrentProblem[] = []
  if (state === 'missing')
    found.push(
      problem('consumer_missing', 'error', `${app} has no consumer for ${channel}.`, {
        href,
        command: 'pnpm ops apply',
        text: 'Create it.',
      }),
    )
  if (state === 'paused')
    found.push(
      problem('consumer_paused', 'warning', `${consumer} is paused; ${waiting}.`, {
        href,
        text: 'It goes on by itself when whatever paused it is over.',
      }),
    )
  if (state === 'not_running' && lag > 0)
    found.push(
      problem('consumer_not_running', 'error', `No instance of ${app} reads ${consumer}; ${waiting}.`, {
        href,
        text: `Start ${app}.`,
      }),
    )
  if (isStalled)
    found.push(
      problem('consumer_stalled', 'error', `${consumer} makes no progress; ${waiting}, ${ackPending} are in flight.`, {
        href,
        text: `Look into the log of ${app}, or restart it.`,
      }),
    )
  if (deadLetters > 0) {
    const letters = deadLetters === 1 ? '1 dead letter' : `${deadLetters} dead letters`
    found.push(
      problem('dead_letters', 'warning', `${letters} of ${consumer}.`, {
        href: `/dead-letters?stream=${stream}&consumer=${consumer}`,
        text: 'Read why, then redrive or discard them.',
      }),
    )
  }
  if (redriving > 0 && state !== 'running' && state !== 'busy')
    found.push(
      problem('redriven_waiting', 'warning', `${redriving} redriven to ${consumer} and not handled yet.`, {
        href,
        text: `Start ${app}.`,
      }),
    )
  return found
}
