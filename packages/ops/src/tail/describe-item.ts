import { styleText } from 'node:util'
import type { ReadItem } from '@alarm-bus/nats-kit'

/** One line, on which nothing of a message is taken for a command by a terminal. */
export function describeItem(item: ReadItem, hasColors: boolean): string {
  const color = (format: Parameters<typeof styleText>[0], text: string): string =>
    hasColors ? styleText(format, text, { validateStream: false }) : text
  if (item.kind === 'gap') {
    return color('yellow', `${item.stream}: messages ${item.from} to ${item.to} left the stream before they were read`)
  }
  const { channel, seq, storedAt, id } = item
  const place = `${color('dim', storedAt.toISOString())} ${color('cyan', channel)} #${seq}`
  const head = id === undefined ? place : `${place} ${color('dim', escaped(id))}`
  if (item.kind === 'message') return `${head} ${escaped(JSON.stringify(item.message))}`
  const issues = item.issues.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`)).join('; ')
  return `${head} ${color('red', escaped(`invalid (${issues})`))} ${escaped(JSON.stringify(textOf(item.data)))}`
}

/** The same as plain data. */
export function itemAsJson(item: ReadItem): object {
  if (item.kind === 'gap') return item
  const { kind, channel, subject, stream, seq, storedAt, id } = item
  const place = { kind, channel, subject, stream, seq, storedAt, ...(id !== undefined && { id }) }
  return item.kind === 'message'
    ? { ...place, message: item.message }
    : { ...place, issues: item.issues, data: textOf(item.data) }
}

function textOf(data: Uint8Array): string {
  return new TextDecoder().decode(data)
}

/** Control characters, and those that turn the direction of a line round, as JSON writes them. */
function escaped(text: string): string {
  return text.replaceAll(
    // oxlint-disable-next-line no-control-regex
    /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
