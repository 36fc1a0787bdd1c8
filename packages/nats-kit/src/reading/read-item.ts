import { type Channel, InvalidMessage, type MessageIssue, type MessageOf } from '@alarm-bus/contracts'
import { firstValue, type HeaderBlock, readHeaderBlock } from '../codec/header-block.ts'
import { HeaderName } from '../codec/headers.ts'
import { decodeMessage } from '../codec/json-codec.ts'
import { errorText } from '../errors.ts'
import type { StoredFrame } from './stored-frame.ts'

/** What is known of a stored message besides its content. */
export interface ReadContext {
  readonly channel: string
  readonly subject: string
  readonly stream: string
  readonly seq: number
  /** When the broker stored the message. */
  readonly storedAt: Date
  /** The publisher's message id, undefined where it gave none. */
  readonly id: string | undefined
  /** The first value of a header, undefined where there is none. Headers that cannot be read have no values. */
  header(name: string): string | undefined
}

export type ReadItem<C extends Channel = Channel> =
  /** A message of the channel, as a handler would get it. */
  | ({ readonly kind: 'message'; readonly message: MessageOf<C> } & ReadContext)
  /** Stored on the channel's subject, and no message of it: what would become a dead letter. */
  | ({ readonly kind: 'invalid'; readonly issues: readonly MessageIssue[]; readonly data: Uint8Array } & ReadContext)
  /**
   * The sequences from `from` to `to` left the stream before they were read: by a limit, or purged. How many of them
   * were the channel's is not known.
   */
  | { readonly kind: 'gap'; readonly stream: string; readonly from: number; readonly to: number }

/** Never throws: what the schema's own functions throw is an issue of the message. */
export function readItem<C extends Channel>(channel: C, stream: string, frame: StoredFrame): ReadItem<C> {
  let headers: HeaderBlock | undefined
  const header = (name: string): string | undefined => {
    headers ??= readHeaderBlock(frame.headerBytes)
    return firstValue(headers, name)
  }
  const { seq, storedAt } = frame
  const context: ReadContext = {
    channel: channel.name,
    subject: channel.subject,
    stream,
    seq,
    storedAt,
    get id() {
      return header(HeaderName.MessageId)
    },
    header,
  }
  const decoded = decode(channel, frame.data)
  return decoded instanceof InvalidMessage
    ? Object.assign(context, { kind: 'invalid' as const, issues: decoded.issues, data: frame.data })
    : Object.assign(context, { kind: 'message' as const, message: decoded })
}

function decode<C extends Channel>(channel: C, data: Uint8Array): MessageOf<C> | InvalidMessage {
  try {
    return decodeMessage(channel, data)
  } catch (error) {
    return new InvalidMessage([{ path: '', code: 'check_failed', message: `cannot be checked: ${errorText(error)}` }])
  }
}
