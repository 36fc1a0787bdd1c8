import type { Consuming } from '@alarm-bus/contracts'

/** How the apps of one environment consume, where that is not as they declare; what cannot be used is theirs to refuse. */
export function deployedBy(environment: Readonly<Record<string, string | undefined>>): Consuming {
  const { MODE: mode, DELIVERY: delivery } = environment
  const [ackWaitMs, concurrency] = [environment['ACK_WAIT_MS'], environment['CONCURRENCY']].map(wholeOf)
  return {
    ...((mode === 'pull' || mode === 'push') && { mode }),
    ...((delivery === 'queue-group' || delivery === 'fan-out') && { delivery }),
    ...(ackWaitMs !== undefined && { ackWaitMs }),
    ...(concurrency !== undefined && { concurrency }),
  }
}

function wholeOf(text: string | undefined): number | undefined {
  return text !== undefined && /^[1-9]\d{0,8}$/.test(text) ? Number(text) : undefined
}
