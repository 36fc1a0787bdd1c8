import { nuid } from '@nats-io/transport-node'
import type { Connection } from './connection.ts'
import { KeptSubscription, type KeptSubscriptionOptions } from './kept-subscription.ts'

export interface InboxOptions extends Pick<KeptSubscriptionOptions, 'onMessage' | 'onRestored' | 'onRefused'> {
  /** The token behind the inbox prefix: `ack`. */
  readonly kind: string
  /** What follows the inbox's own token: `*`. */
  readonly tokens: string
  /** What comes to it: `acks`. */
  readonly takes?: string
}

/** Subjects of one's own to which others answer. Subscribed when they are first needed. */
export class Inbox extends KeptSubscription {
  /** Subjects of answers begin with it; it ends with a dot. */
  readonly prefix: string

  constructor(connection: Connection, { kind, tokens, takes = 'acks', ...options }: InboxOptions) {
    const prefix = `${connection.inboxPrefix}.${kind}.${nuid.next()}.`
    super(connection, { ...options, subject: prefix + tokens, what: `the inbox that ${takes} come to` })
    this.prefix = prefix
  }
}
