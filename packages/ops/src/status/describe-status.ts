import { styleText } from 'node:util'
import type { ConsumerStatus, Status, StreamStatus } from './status.ts'

type Row = readonly string[]

/** One screen. Colours stand for what is well and what is not, where `hasColors`. */
export function describeStatus({ streams, consumers, publishers, problems }: Status, hasColors: boolean): string[] {
  const color = (format: Parameters<typeof styleText>[0], text: string): string =>
    hasColors ? styleText(format, text, { validateStream: false }) : text
  const title = (text: string): string => color('bold', text)
  const wrong = problems.map(({ what, command }) => `  ${color('red', what)}${command ? `\n    ${command}` : ''}`)
  return [
    ...table(['STREAM', 'MESSAGES', 'SIZE', 'OLDEST', 'DEAD LETTERS', 'CHANNELS'], streams.map(streamRow), title),
    '',
    ...table(
      ['CONSUMER', 'STATE', 'UNREAD', 'IN FLIGHT', 'REDELIVERED', 'DEAD LETTERS', 'LAST DELIVERY'],
      consumers.map(consumerRow),
      title,
    ),
    ...(publishers.length === 0 ? [] : ['']),
    ...publishers.map(({ app, channels }) => `${app} publishes ${channels.join(', ')}`),
    '',
    ...(wrong.length === 0 ? [color('green', 'nothing is wrong')] : [title('WRONG NOW'), ...wrong]),
  ]
}

function streamRow({ stream, channels, messages, bytes, maxBytes, oldestMs, deadLetters }: StreamStatus): Row {
  const size = maxBytes > 0 ? `${sizeOf(bytes)} of ${sizeOf(maxBytes)}` : sizeOf(bytes)
  return [stream, numberOf(messages), size, ageOf(oldestMs), numberOf(deadLetters), channels.join(', ')]
}

function consumerRow(status: ConsumerStatus): Row {
  const { consumer, state, unread, inFlight, redelivered, deadLetters, lastDeliveredMs } = status
  const counts = [unread, inFlight, redelivered, deadLetters].map(numberOf)
  return [consumer, state.replace('_', ' '), ...counts, ageOf(lastDeliveredMs)]
}

function table(head: Row, rows: readonly Row[], title: (text: string) => string): string[] {
  const all = [head, ...rows]
  const widths = head.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)))
  const lines = all.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  )
  return lines.map((line, index) => (index === 0 ? title(line) : line))
}

function numberOf(count: number): string {
  return count.toLocaleString('en')
}

function sizeOf(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  const power = bytes < 1 ? 0 : Math.min(Math.floor(Math.log2(bytes) / 10), units.length - 1)
  const value = bytes / 1024 ** power
  return `${value >= 100 || power === 0 ? Math.round(value) : Number(value.toFixed(1))} ${units[power]}`
}

function ageOf(ms: number | undefined): string {
  if (ms === undefined) return '-'
  const units: readonly (readonly [number, string])[] = [
    [86_400_000, 'd'],
    [3_600_000, 'h'],
    [60_000, 'min'],
  ]
  const [unitMs, unit] = units.find(([of]) => ms >= 2 * of) ?? [1_000, 's']
  return `${Math.floor(ms / unitMs)} ${unit}`
}
