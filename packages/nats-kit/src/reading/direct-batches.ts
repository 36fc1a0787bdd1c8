import type { Msg } from '@nats-io/transport-node'
import type { Connection } from '../connection/connection.ts'
import { Inbox } from '../connection/inbox.ts'
import { KitError, KitErrorCode } from '../errors.ts'
import type { ConnectionState } from '../events.ts'
import { directGetSubject } from './read-subjects.ts'
import { type Frame, readFrame, type StoredFrame } from './stored-frame.ts'

/** An answer that stops for this long is asked for again. */
const SILENCE_MS = 5_000

export interface BatchRequest {
  readonly batch: number
  readonly max_bytes: number
  readonly next_by_subj: string
  readonly seq?: number
  readonly start_time?: string
}

export interface Batch {
  /** In order, with nothing of the subject between them. */
  readonly messages: readonly StoredFrame[]
  /** `end`: the server sent what was asked for. `none`: it has nothing more. `lost`: the answer stopped; ask again. */
  readonly outcome: 'end' | 'none' | 'lost'
  /** How many more there were when the server began, where it said so. */
  readonly pending: number
}

interface Waiting {
  readonly messages: StoredFrame[]
  readonly settle: (batch: Batch | KitError) => void
  lastSeq: number
  timer: NodeJS.Timeout
}

/**
 * Batched direct gets of one stream, one at a time: no consumer, nothing stays on the broker. Each answer goes to a
 * subject of its own, so what comes late of one that was given up is passed over.
 */
export class DirectBatches {
  readonly #connection: Connection
  readonly #subject: string
  readonly #inbox: Inbox
  #asked = 0
  #waiting: Waiting | undefined

  constructor(connection: Connection, stream: string) {
    this.#connection = connection
    this.#subject = directGetSubject(stream)
    this.#inbox = new Inbox(connection, {
      kind: 'read',
      tokens: '*',
      takes: 'read messages',
      onMessage: (message) => this.#onMessage(message),
      onRefused: () => this.#end('lost'),
    })
    connection.events.on('connectionStateChanged', this.#onState)
    connection.events.on('errorOccurred', this.#onBrokerError)
  }

  /** @throws KitError `permission_denied`, `stream_different` for a stream that does not take such a request. */
  async next(request: BatchRequest): Promise<Batch> {
    if (!this.#canAsk()) return LOST
    const settled = await new Promise<Batch | KitError>((settle) => {
      const timer = setTimeout(() => this.#end('lost'), SILENCE_MS)
      this.#waiting = { messages: [], settle, lastSeq: 0, timer }
      const reply = `${this.#inbox.prefix}${++this.#asked}`
      try {
        this.#connection.client.publish(this.#subject, JSON.stringify(request), { reply })
      } catch {
        this.#end('lost')
      }
    })
    if (settled instanceof KitError) throw settled
    return settled
  }

  /** A client that was closed a moment ago throws, and its connection tells of it a moment later. */
  #canAsk(): boolean {
    try {
      return this.#connection.state === 'connected' && this.#inbox.open()
    } catch {
      return false
    }
  }

  close(): void {
    this.#end('lost')
    this.#inbox.close()
    this.#connection.events.off('connectionStateChanged', this.#onState)
    this.#connection.events.off('errorOccurred', this.#onBrokerError)
  }

  #onMessage(message: Msg): void {
    const waiting = this.#waiting
    if (waiting === undefined || message.subject !== `${this.#inbox.prefix}${this.#asked}`) return
    const frame = readFrame(message)
    if (frame.kind === 'message') return this.#take(waiting, frame)
    this.#ended(waiting, frame)
  }

  /** Each message says which one was sent before it: one that is missing was lost on the way from another server. */
  #take(waiting: Waiting, frame: StoredFrame): void {
    if (frame.lastSeq !== waiting.lastSeq) return this.#end('lost')
    waiting.lastSeq = frame.seq
    waiting.messages.push(frame)
    waiting.timer.refresh()
  }

  #ended(waiting: Waiting, frame: Exclude<Frame, StoredFrame>): void {
    switch (frame.kind) {
      case 'end':
        return frame.lastSeq === waiting.lastSeq ? this.#end('end', frame.pending) : this.#end('lost')
      case 'none':
        return this.#end('none')
      case 'nobody':
        return this.#end('lost')
      case 'refused': {
        const why = `the broker refuses a direct get on ${this.#subject}: ${frame.status}`
        return this.#settle(new KitError(KitErrorCode.StreamDifferent, why))
      }
    }
  }

  #end(outcome: Batch['outcome'], pending = 0): void {
    this.#settle({ messages: this.#waiting?.messages ?? [], outcome, pending })
  }

  #settle(result: Batch | KitError): void {
    const waiting = this.#waiting
    if (waiting === undefined) return
    this.#waiting = undefined
    clearTimeout(waiting.timer)
    waiting.settle(result)
  }

  readonly #onState = ({ state }: { readonly state: ConnectionState }): void => {
    if (state !== 'connected') this.#end('lost')
  }

  readonly #onBrokerError = (error: { readonly operation?: string; readonly subject?: string }): void => {
    if (error.operation !== 'publish' || error.subject !== this.#subject) return
    this.#settle(new KitError(KitErrorCode.PermissionDenied, `this app's user may not publish on ${this.#subject}`))
  }
}

const LOST: Batch = { messages: [], outcome: 'lost', pending: 0 }
