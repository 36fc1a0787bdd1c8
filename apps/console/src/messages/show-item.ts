import type { Channel } from '@alarm-bus/contracts'
import { HeaderName, type ReadItem } from '@alarm-bus/nats-kit'
import type { TailInvalid, TailMessage } from '../api.ts'
import { hideSensitive, sensitivePaths } from '../http/hide-sensitive.ts'

const MAX_TEXT_CHARACTERS = 65_536

export type ShownItem =
  | { readonly kind: 'message'; readonly shown: TailMessage }
  | { readonly kind: 'invalid'; readonly shown: TailInvalid }

/** A stored message as people may see it. */
export function showItem(channel: Channel, item: Exclude<ReadItem, { kind: 'gap' }>, reveal: boolean): ShownItem {
  const context = {
    seq: item.seq,
    storedAtMs: item.storedAt.getTime(),
    id: item.id ?? null,
    requestId: item.header(HeaderName.RequestId) ?? null,
  }
  const paths = reveal ? [] : sensitivePaths(channel.jsonSchema)
  if (item.kind === 'message') return { kind: 'message', shown: { ...context, ...hideSensitive(item.message, paths) } }
  // What is no message of the channel may hold anything anywhere.
  const text = paths.length > 0 ? null : Buffer.from(item.data).toString('utf8').slice(0, MAX_TEXT_CHARACTERS)
  return { kind: 'invalid', shown: { ...context, text, issues: item.issues } }
}
