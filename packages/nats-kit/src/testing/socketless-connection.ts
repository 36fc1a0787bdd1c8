import { type Msg, MsgHdrsImpl, type NatsConnection, type Payload, type PublishOptions } from '@nats-io/transport-node'
import type { Connection } from '../connection/connection.ts'
import { FrameWriter } from '../connection/frame-writer.ts'
import { KitEvents } from '../events.ts'
import type { Logger } from '../logger.ts'

/** What went towards the broker. */
export interface Sent {
  readonly subject: string
  readonly reply: string
  readonly headers: Readonly<Record<string, string>>
  readonly data: Uint8Array
}

interface Listener {
  readonly prefix: string
  readonly callback: (error: Error | undefined, message: Msg) => void
}

/** nats-server's default. */
const MAX_PAYLOAD_BYTES = 1024 * 1024

/**
 * A connection that ends where the socket would begin: the kit's own writer and events, and a client of which the kit
 * uses no more than this when it handles and settles. Every message that asks for an answer gets a stream's: stored.
 */
export function socketlessConnection(name: string, logger: Logger, onSent: (sent: Sent) => void): Connection {
  const listeners = new Set<Listener>()
  let stored = 0
  const answer = (reply: string): void => {
    const data = Buffer.from(`{"stream":"TEST","seq":${++stored}}`)
    for (const { prefix, callback } of listeners) {
      if (reply.startsWith(prefix)) callback(undefined, messageOf({ subject: reply, data }))
    }
  }
  const take = (sent: Sent): void => {
    onSent(sent)
    if (sent.reply !== '') queueMicrotask(() => answer(sent.reply))
  }
  const client = {
    info: { max_payload: MAX_PAYLOAD_BYTES },
    isClosed: () => false,
    protocol: {
      outMsgs: 0,
      outBytes: 0,
      sendCommand: (frames: string | Uint8Array) => framesOf(Buffer.from(frames)).forEach(take),
    },
    publish(subject: string, payload: Payload = '', options: PublishOptions = {}) {
      const headers = options.headers as unknown as { encode(): Uint8Array } | undefined
      take({ subject, reply: options.reply ?? '', headers: recordOf(headers?.encode()), data: Buffer.from(payload) })
    },
    subscribe(subject: string, options: { readonly callback: Listener['callback'] }) {
      const listener = { prefix: subject.replace(/[*>].*$/, ''), callback: options.callback }
      listeners.add(listener)
      return { isClosed: () => !listeners.has(listener), unsubscribe: () => void listeners.delete(listener) }
    },
  } as unknown as NatsConnection
  return {
    client,
    frames: new FrameWriter(client),
    name,
    inboxPrefix: `_INBOX_${name}`,
    events: new KitEvents(),
    logger,
    state: 'connected',
    closed: new Promise(() => undefined),
    close: async () => true,
  }
}

/** A message as the client hands it over. */
export function messageOf(parts: {
  readonly subject: string
  readonly data: Uint8Array
  readonly reply?: string
  /** The header block as it goes over the wire. */
  readonly headerBytes?: Uint8Array
}): Msg {
  const { headerBytes, ...rest } = parts
  const string = (): string => Buffer.from(parts.data).toString('utf8')
  const received = {
    _msg: { hdr: headerBytes?.length ?? -1 },
    _rdata: headerBytes === undefined ? parts.data : Buffer.concat([headerBytes, parts.data]),
  }
  return { ...rest, ...received, sid: 1, respond: () => false, string, json: <T>() => JSON.parse(string()) as T } as Msg
}

/** Reads `PUB <subject> [reply] <bytes>` and `HPUB <subject> [reply] <header bytes> <bytes>`. */
function framesOf(bytes: Buffer): readonly Sent[] {
  const frames: Sent[] = []
  for (let at = 0; at < bytes.length;) {
    const lineEnd = bytes.indexOf('\r\n', at)
    const [operation, subject = '', ...rest] = bytes.toString('utf8', at, lineEnd).split(' ')
    const total = Number(rest.pop())
    const headerBytes = operation === 'HPUB' ? Number(rest.pop()) : 0
    const from = lineEnd + 2
    const headers = recordOf(headerBytes === 0 ? undefined : bytes.subarray(from, from + headerBytes))
    frames.push({ subject, reply: rest[0] ?? '', headers, data: bytes.subarray(from + headerBytes, from + total) })
    at = from + total + 2
  }
  return frames
}

function recordOf(headers: Uint8Array | undefined): Readonly<Record<string, string>> {
  if (headers === undefined) return {}
  return Object.fromEntries([...MsgHdrsImpl.decode(headers)].map(([name, values]) => [name, values[0] ?? '']))
}
