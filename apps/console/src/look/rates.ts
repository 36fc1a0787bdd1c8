import type { BrokerLook, StreamLook } from './look-at-broker.ts'

/** Messages a second between two looks, by channel and by `<stream>/<consumer>`. */
export interface Rates {
  readonly published: ReadonlyMap<string, number>
  readonly handled: ReadonlyMap<string, number>
}

export const NO_RATES: Rates = { published: new Map(), handled: new Map() }

export function ratesBetween(before: BrokerLook | undefined, now: BrokerLook): Rates {
  const seconds = before ? (now.atMs - before.atMs) / 1_000 : 0
  if (!before || seconds <= 0) return NO_RATES
  const published = new Map<string, number>()
  const handled = new Map<string, number>()
  for (const [index, look] of now.streams.entries()) {
    const earlier = before.streams[index]
    if (!earlier) continue
    for (const [channel, count] of publishedBetween(earlier, look)) published.set(channel, count / seconds)
    for (const [name, info] of look.consumers) {
      const old = earlier.consumers.get(name)
      // One that was made again counts from the start.
      if (!old || old.created !== info.created) continue
      const settled = settledOf(info) - settledOf(old)
      handled.set(`${look.stream.name}/${name}`, Math.max(0, settled) / seconds)
    }
  }
  return { published, handled }
}

/**
 * How many messages came to the stream is exact. What the oldest that left meanwhile were is not known: they are taken
 * off its channels in the proportion of what those hold.
 */
function publishedBetween(before: StreamLook, now: StreamLook): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  const [old, info] = [before.info, now.info]
  if (!old || !info || old.created !== info.created) return counts
  const came = Math.max(0, info.state.last_seq - old.state.last_seq)
  const gone = Math.max(0, old.state.messages + came - info.state.messages)
  const held = Math.max(1, old.state.messages)
  const guesses = now.stream.channels.map(({ name, subject }): [string, number] => {
    const [was, is] = [old.state.subjects?.[subject] ?? 0, info.state.subjects?.[subject] ?? 0]
    return [name, Math.max(0, is - was + (gone * was) / held)]
  })
  const sum = guesses.reduce((total, [, guess]) => total + guess, 0)
  for (const [name, guess] of guesses) counts.set(name, sum === 0 ? 0 : (guess / sum) * came)
  return counts
}

/** Deliveries that ended, each attempt counted. */
function settledOf(info: { readonly delivered: { readonly consumer_seq: number }; readonly num_ack_pending: number }) {
  return info.delivered.consumer_seq - info.num_ack_pending
}
