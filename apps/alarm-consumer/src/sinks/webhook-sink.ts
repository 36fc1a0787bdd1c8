import { createHmac } from 'node:crypto'
import type { SinkClient } from '../http/sink-client.ts'
import type { Alarm, AlarmSink } from './alarm-sink.ts'

export interface WebhookOptions {
  readonly url: URL
  /** The key's bytes. */
  readonly secret: Buffer
}

/**
 * A webhook for programs, signed as Standard Webhooks describes: `webhook-signature` is `v1,` and the base64 of
 * HMAC-SHA256 over `<webhook-id>.<webhook-timestamp>.<body>`. The id is the same at each delivery of an alarm, so that a
 * receiver can tell; the timestamp, in seconds, is that of the attempt.
 */
export function createWebhookSink(client: SinkClient, { url, secret }: WebhookOptions): AlarmSink {
  return {
    name: 'webhook',
    alerts: true,
    send(alarm, signal) {
      const body = webhookBody(alarm)
      const id = webhookId(alarm)
      const timestamp = String(Math.floor(Date.now() / 1_000))
      const signature = createHmac('sha256', secret).update(`${id}.${timestamp}.${body}`).digest('base64')
      const headers = { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${signature}` }
      return client.post(url, headers, body, signal)
    },
    close: () => client.close(),
  }
}

/** Stream, sequence and time, since a recreated stream counts from 1 again. */
export function webhookId({ stream, seq, storedAt }: Alarm): string {
  return `${stream}.${seq}.${storedAt.getTime()}`
}

function webhookBody({ channel, message, id, stream, seq, storedAt }: Alarm): string {
  const data = { channel, message: message.toWellFormed(), messageId: id ?? null, stream, seq }
  return JSON.stringify({ type: 'alarm', timestamp: storedAt.toISOString(), data })
}
