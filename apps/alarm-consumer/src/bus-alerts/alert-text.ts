import { DeadLetterReason } from '@alarm-bus/nats-kit'
import type { Due, Trouble } from './trouble.ts'

/** Characters of a name that another app gave. */
const MAX_NAME = 100
/** What a shell and the command take as it stands. */
const PLAIN = /^[A-Za-z0-9][A-Za-z0-9_-]{0,199}$/
const KNOWN_REASONS: ReadonlySet<string> = new Set(Object.values(DeadLetterReason))
const DEAD_LETTERS = /_DLQ$/
/** What shows nothing, or turns the text about: a name with it could pass for another. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu

/** One line for people: what it is, since when, and what to do. Names are others' words; sinks escape them. */
export function alertLine(trouble: Trouble, due: Due, count: number): string {
  switch (trouble.kind) {
    case 'deadLetters':
      return deadLettersLine(trouble, due, count)
    case 'missed':
      return missedLine(trouble, due, count)
    case 'stalled':
      return stalledLine(trouble, due, count)
    case 'full':
      return fullLine(trouble, due, count)
  }
}

function deadLettersLine(trouble: Trouble, due: Due, count: number): string {
  const of = `${consumerOf(trouble)} (${shown(trouble.reason || 'no reason')})`
  const command = `\`${commandOf(trouble)}\``
  if (due === 'over')
    return `Over: no new dead letters of ${of}. There were ${count}, ${fromTo(trouble)}; those that are kept: ${command}`
  if (due === 'began') return `${counted(count, 'dead letter')} of ${of} ${since(trouble)}. Show them: ${command}`
  return `${counted(count - trouble.toldCount, 'more dead letter')} of ${of}, ${count} ${since(trouble)}. Show them: ${command}`
}

function missedLine(trouble: Trouble, due: Due, count: number): string {
  const of = consumerOf(trouble)
  if (due === 'over')
    return `Over: no more messages are lost on ${of}. At least ${count} left the stream unread, ${fromTo(trouble)}.`
  const lost = `left the stream before ${of} read them`
  const look = 'Its app says which: messagesMissed in its log.'
  if (due === 'began') return `At least ${counted(count, 'message')} ${lost}, ${since(trouble)}. ${look}`
  return `At least ${counted(count - trouble.toldCount, 'more message')} ${lost}, ${count} ${since(trouble)}. ${look}`
}

function stalledLine(trouble: Trouble, due: Due, count: number): string {
  const of = consumerOf(trouble)
  if (due === 'over') return `Over: ${of} handles messages again. It stood still ${fromTo(trouble)}.`
  const waiting = `${counted(count, 'message')} wait${count === 1 ? 's' : ''} and none was handled ${since(trouble)}`
  if (trouble.reason === 'paused') return `${of} is paused on the broker: ${waiting}.`
  return `${of} stands still: ${waiting}. See /readyz and the log of its app.`
}

function fullLine(trouble: Trouble, due: Due, count: number): string {
  const of = shown(trouble.stream)
  if (due === 'over') return `Over: ${of} has space again. It was nearly full ${fromTo(trouble)}.`
  const what = trouble.reason === 'refuses' ? 'once full it refuses what is new' : 'messages are dropped unread'
  const list = `\`pnpm ops dlq list --stream ${trouble.stream.replace(DEAD_LETTERS, '')}\``
  const look = DEAD_LETTERS.test(trouble.stream) ? `Show them: ${list}` : 'Free space, or raise its limits.'
  return `${of} is ${count} % full ${since(trouble)}; ${what}. ${look}`
}

/** A name that a shell would read as more than a name is left out. */
function commandOf({ stream, consumer, reason }: Trouble): string {
  const flag = (name: string, value: string): string => (PLAIN.test(value) ? ` --${name} ${value}` : '')
  const known = KNOWN_REASONS.has(reason) ? flag('reason', reason) : ''
  return `pnpm ops dlq list${flag('stream', stream)}${flag('consumer', consumer)}${known}`
}

function consumerOf({ consumer, stream }: Trouble): string {
  return `${shown(consumer)} of ${shown(stream)}`
}

function since(trouble: Trouble): string {
  return `since ${timeOf(trouble.since)}`
}

function fromTo(trouble: Trouble): string {
  return `from ${timeOf(trouble.since)} to ${timeOf(trouble.last)}`
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`
}

/** In UTC, to the minute. */
function timeOf(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 16).replace('T', ' ')} UTC`
}

/** Short, on one line, with nothing that cannot be seen. */
function shown(text: string): string {
  const clean = text.toWellFormed().replaceAll(UNSEEN, '')
  return clean.length <= MAX_NAME ? clean : `${clean.slice(0, MAX_NAME).toWellFormed()}…`
}
