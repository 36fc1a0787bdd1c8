import type { Connection } from '../connection/connection.ts'
import type { StoredSender } from '../publish/stored-sender.ts'
import { advisoryConsumerName, advisoryFilter, advisoryStreamName } from '../streams/companion-streams.ts'
import type { ConsumerSpec } from './consumer-spec.ts'
import { DeadLetterReason, storeDeadLetter } from '../dead-letters/dead-letter.ts'
import type { SubscriberSettings } from './options.ts'
import { fetchOriginal } from './fetch-original.ts'

/** What the server says when it stops delivering a message. */
interface Advisory {
  readonly kind: 'max_deliver' | 'terminated'
  readonly seq: number
  readonly deliveries: number
  readonly reason: string
}

/** The reasons of the kit's own terms: the letter was stored before, so there is nothing to do. */
const OWN_REASONS = new Set<string>([
  DeadLetterReason.InvalidMessage,
  DeadLetterReason.DeliveriesExhausted,
  DeadLetterReason.HandlerGaveUp,
  DeadLetterReason.UpcastFailed,
])

/**
 * The collector reads its advisories like any other consumer, whatever the app's own way of consuming is. One at a time:
 * each look-up of an original needs the one name that permissions grant.
 */
export function collectorSettings(settings: SubscriberSettings): SubscriberSettings {
  return { ...settings, mode: 'pull', concurrency: 1 }
}

/**
 * The consumer beside a consumer: turns the server's advisories into dead letters. A process that dies at the last
 * delivery, or a handler that hangs to the end, cannot store its letter; the server's word is all there is, and any
 * instance of the app, now or after a restart, acts on it.
 */
export function collectorOf(connection: Connection, sender: StoredSender, watched: ConsumerSpec): ConsumerSpec {
  return {
    stream: advisoryStreamName(watched.stream),
    workQueue: true,
    name: advisoryConsumerName(watched.name),
    channel: `${watched.channel} advisories`,
    filterSubject: advisoryFilter(watched.stream, watched.name),
    // Nothing is behind the collector, so it never gives up.
    maxDeliver: Number.POSITIVE_INFINITY,
    retry: {},
    decode,
    handle: async (advisory: Advisory | undefined) => {
      if (!advisory || (advisory.kind === 'terminated' && OWN_REASONS.has(advisory.reason))) return
      const original = await fetchOriginal(connection, watched, advisory.seq)
      await storeDeadLetter(connection, sender, {
        reason: advisory.kind === 'terminated' ? DeadLetterReason.TerminatedElsewhere : DeadLetterReason.NeverSettled,
        error:
          advisory.kind === 'terminated'
            ? `terminated: ${advisory.reason || 'no reason given'}`
            : `no answer to ${advisory.deliveries} deliveries: the process died, or the handler hung`,
        issues: [],
        channel: watched.channel,
        subject: watched.filterSubject,
        stream: watched.stream,
        seq: advisory.seq,
        storedNanos: original?.storedNanos ?? '0',
        consumer: watched.name,
        deliveryCount: advisory.deliveries,
        original: original?.message,
      })
    },
  }
}

/** An advisory that cannot be read is passed over: the server wrote it, and no retry would change it. */
function decode(bytes: Uint8Array): Advisory | undefined {
  try {
    const { type, stream_seq, deliveries, reason } = JSON.parse(Buffer.from(bytes).toString('utf8')) as Record<
      string,
      unknown
    >
    if (typeof stream_seq !== 'number') return undefined
    return {
      kind: String(type).includes('terminated') ? 'terminated' : 'max_deliver',
      seq: stream_seq,
      deliveries: Number(deliveries ?? 0),
      reason: typeof reason === 'string' ? reason : '',
    }
  } catch {
    return undefined
  }
}
