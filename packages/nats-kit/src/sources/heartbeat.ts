import type { Msg } from '@nats-io/transport-node'
import { replyBytesOf } from '../codec/received.ts'
import type { Connection } from '../connection/connection.ts'

/** A busy event loop may look at its socket this late. */
export const HEARTBEAT_GRACE_MS = 500

/** The last sequences that a consumer mentioned. A message's are read only when they are asked for. */
export class LastSequences {
  #reply: Uint8Array | undefined
  #stream = 0
  #consumer = 0

  ofMessage(message: Msg): void {
    this.#reply = replyBytesOf(message)
  }

  ofHeartbeat(message: Msg): void {
    this.#reply = undefined
    this.#stream = Number(message.headers?.get('Nats-Last-Stream') || 0)
    this.#consumer = Number(message.headers?.get('Nats-Last-Consumer') || 0)
  }

  read(): { readonly lastStreamSequence: number; readonly lastConsumerSequence: number } {
    if (this.#reply === undefined) return { lastStreamSequence: this.#stream, lastConsumerSequence: this.#consumer }
    // From the end, where both shapes of the subject are alike but for one token.
    const tokens = Buffer.from(this.#reply).toString().split('.')
    const first = tokens.length >= 11 ? 7 : 5
    return { lastStreamSequence: Number(tokens[first]), lastConsumerSequence: Number(tokens[first + 1]) }
  }
}

/** The seed's `heartbeatAlarm`, in the log and as an event. */
export function reportSilence(
  connection: Connection,
  { stream, consumer }: { readonly stream: string; readonly consumer: string },
  silentMs: number,
  sequences: LastSequences,
): void {
  const detail = { stream, consumer, ...sequences.read(), silentMs }
  connection.logger.warn({ event: 'heartbeatAlarm', ...detail }, 'consumer’s heartbeats stay away')
  connection.events.emit('heartbeatAlarm', detail)
}
