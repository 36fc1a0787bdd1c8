import type { BenchMessage } from './contracts.ts'

const SOURCE = 'benchmark'

/** Makes messages of an exact size: message `n` has `payloadBytes` bytes as JSON, whatever the digits of `n`. */
export function messageMaker(payloadBytes: number): (n: number) => BenchMessage {
  const empty = JSON.stringify({ n: 0, source: SOURCE, text: '' }).length - 1
  const texts = new Map<number, string>()
  return (n) => {
    const digits = String(n).length
    let text = texts.get(digits)
    if (text === undefined) {
      text = 'x'.repeat(payloadBytes - empty - digits)
      texts.set(digits, text)
    }
    return { n, source: SOURCE, text }
  }
}
