import type { FieldChange } from '@alarm-bus/nats-kit'
import type { ConsumerInfo, StreamInfo } from '@nats-io/jetstream'

/** What a limit below what a stream holds removes, at once and for good: its oldest messages. */
export interface Drop {
  readonly field: string
  readonly messages: number
  /** Told from averages: the broker says nothing of single messages that their readers alone may see. */
  readonly isEstimate: boolean
  /** How many of them each consumer has not settled, at most. */
  readonly unread: readonly { readonly consumer: string; readonly messages: number }[]
}

/** The limits that the stream's messages exceed now. */
export function dropsOf(
  changes: readonly FieldChange[],
  live: StreamInfo | undefined,
  consumers: readonly ConsumerInfo[],
): readonly Drop[] {
  if (!live || live.state.messages === 0) return []
  return changes.flatMap(({ field, declared }) => {
    if (typeof declared !== 'number' || declared <= 0) return []
    const over = OVER[field]?.(live, declared)
    if (over === undefined) return []
    const messages = Math.min(over.messages, live.state.messages)
    return [{ field, messages, isEstimate: over.isEstimate, unread: unreadOf(messages, live, consumers) }]
  })
}

type Over = { readonly messages: number; readonly isEstimate: boolean } | undefined

const OVER: Readonly<Record<string, (live: StreamInfo, limit: number) => Over>> = {
  max_msgs: ({ state }, limit) =>
    state.messages > limit ? { messages: state.messages - limit, isEstimate: false } : undefined,
  max_bytes({ state }, limit) {
    if (state.bytes <= limit) return undefined
    return { messages: Math.ceil((state.bytes - limit) / (state.bytes / state.messages)), isEstimate: true }
  },
  max_age({ state, ts }, limitNs) {
    const [first, last] = [Date.parse(String(state.first_ts)), Date.parse(String(state.last_ts))]
    const keptSince = Date.parse(String(ts ?? new Date().toISOString())) - limitNs / 1e6
    if (first >= keptSince) return undefined
    // As if they had come evenly.
    const share = last > first ? Math.min(1, (keptSince - first) / (last - first)) : 1
    return { messages: Math.max(1, Math.round(state.messages * share)), isEstimate: share < 1 }
  },
  max_msgs_per_subject({ state }, limit) {
    // How many each subject has is not asked for: there may be a hundred thousand.
    if (state.messages <= limit) return undefined
    return { messages: Math.max(1, state.messages - (state.num_subjects ?? 1) * limit), isEstimate: true }
  },
}

function unreadOf(messages: number, { state }: StreamInfo, consumers: readonly ConsumerInfo[]): Drop['unread'] {
  const lastDropped = Math.min(state.last_seq, state.first_seq + messages - 1 + (state.num_deleted ?? 0))
  return consumers
    .map(({ name: consumer, ack_floor: floor, num_pending, num_ack_pending }) => {
      const behind = lastDropped - Math.max(floor.stream_seq, state.first_seq - 1)
      return { consumer, messages: Math.max(0, Math.min(messages, behind, num_pending + num_ack_pending)) }
    })
    .filter((one) => one.messages > 0)
}
