import {
  type Channel,
  checkToPublish,
  InvalidMessage,
  type MessageInputOf,
  type MessageOf,
  parseReceived,
} from '@alarm-bus/contracts'
import { KitError, KitErrorCode } from '../errors.ts'
import { HeaderName, headerLine, JSON_CONTENT_TYPE } from './headers.ts'
import type { SizedText } from './sized-text.ts'

/**
 * A message as it goes over the wire: checked, then JSON in UTF-8.
 *
 * @throws KitError `invalid_message` with the issues, `message_too_large` past the channel's bound.
 */
export function encodeMessage<C extends Channel>(channel: C, message: MessageInputOf<C>): Uint8Array {
  return Buffer.from(encodeJson(channel, message).text, 'utf8')
}

/** The same as text, for whoever encodes it together with more. @throws as {@link encodeMessage}. */
export function encodeJson<C extends Channel>(channel: C, message: MessageInputOf<C>): SizedText {
  const checked = checkToPublish(channel, message)
  if (!checked.ok) {
    const where = checked.issues.map((issue) => `${issue.path || '/'}: ${issue.message}`).join('; ')
    throw new KitError(
      KitErrorCode.InvalidMessage,
      `message does not fit channel ${JSON.stringify(channel.name)}: ${where}`,
      {
        issues: checked.issues,
      },
    )
  }
  const text = JSON.stringify(checked.message)
  const byteLength = Buffer.byteLength(text)
  if (byteLength > channel.maxMessageBytes) {
    throw new KitError(
      KitErrorCode.MessageTooLarge,
      `message for channel ${JSON.stringify(channel.name)} has ${byteLength} bytes, ${channel.maxMessageBytes} are allowed`,
    )
  }
  return { text, byteLength }
}

/** What every message of a channel carries; constant, so it is made once a channel. */
export function contractHeaderLines(channel: Channel): string {
  return (
    headerLine(HeaderName.ContentType, JSON_CONTENT_TYPE) +
    headerLine(HeaderName.Channel, channel.name) +
    headerLine(HeaderName.Version, channel.version)
  )
}

const decoder = new TextDecoder('utf-8', { fatal: true })

/** A received message: parsed, and checked leniently. Bytes that are not UTF-8 or not JSON are an issue like any other. */
export function decodeMessage<C extends Channel>(channel: C, bytes: Uint8Array): MessageOf<C> | InvalidMessage {
  let value: unknown
  try {
    value = JSON.parse(decoder.decode(bytes))
  } catch (error) {
    return new InvalidMessage([{ path: '', code: 'not_json', message: `not JSON: ${(error as Error).message}` }])
  }
  return parseReceived(channel, value)
}
