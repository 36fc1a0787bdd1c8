import type { Drop } from './drops.ts'
import { type Change, type FieldUpdate, nameOf, type Note, type Plan } from './plan.ts'
import { showCount, showMessages, showValue } from './units.ts'

/** A plan in plain lines: each change, below it each field with its value before and after, then what is left alone. */
export function describePlan({ changes, notes }: Plan): readonly string[] {
  return [...changes.flatMap(describeChange), ...notes.flatMap(describeNote)]
}

/** How much there is to do, in one line. */
export function summaryOf({ changes, notes }: Plan): string {
  const counts = Object.entries(Object.groupBy(changes, ({ action }) => action)).map(([action, some]) =>
    `${some?.length ?? 0} to ${action}`.replace('to blocked', 'that cannot be done'),
  )
  const unknown = notes.filter(({ kind }) => kind === 'unknown').length
  const foreign = unknown === 0 ? '' : `, ${unknown} not declared and left alone`
  if (counts.length > 0) return `${counts.join(', ')}${foreign}`
  const waiting = notes.filter((note) => note.kind === 'not_retired' && note.readers.length > 0).map(nameOf)
  if (waiting.length > 0)
    return `nothing to do now: ${waiting.join(', ')} waits for instances with an older kit to stop${foreign}`
  return `nothing to do: the broker is as declared${foreign}`
}

/** What was done, in one line. */
export function describeDone(change: Change, said?: string): string {
  const done = {
    create: 'created',
    update: 'updated',
    migrate: 'migrated',
    move: 'moved',
    resume: 'resumed',
    destroy: 'destroyed',
    retire: 'retired',
    return: 'returned',
    blocked: 'blocked',
  }
  return `${nameOf(change)}: ${done[change.action]}${said === undefined ? '' : `: ${said}`}`
}

function describeChange(change: Change): readonly string[] {
  const name = nameOf(change)
  switch (change.action) {
    case 'create':
      return [`${name}: create`, ...change.fields.map(({ field, after }) => `  ${field}: ${showValue(field, after)}`)]
    case 'update': {
      const because = change.because === undefined ? '' : ` (${change.because})`
      return [`${name}: update${because}`, ...change.fields.map(describeField), ...describeDrops(change)]
    }
    case 'migrate': {
      const how = change.resumes ? 'go on with its migration' : 'migrate: recreated, messages and consumers kept'
      return [`${name}: ${how}`, ...change.fields.map(describeField), ...describeDrops(change)]
    }
    case 'move':
      return [`${name}: move: recreated at its position`, ...change.fields.map(describeField)]
    case 'resume':
      return [
        `${name}: resume: paused by an apply that was cut off; ${showMessages(change.waiting)} unread`,
        ...change.fields.map(describeField),
      ]
    case 'destroy':
      return [
        `${name}: destroy, with ${change.consumer === undefined ? showMessages(change.messages) : `${showCount(change.messages)} unread or unsettled`}`,
      ]
    case 'retire':
      return [
        `${name}: retire: ${showCount(change.advisories)} advisories of a kit before 1.0 become dead letters, then it is removed`,
        ...change.unlimited.map(
          ({ consumer, maxDeliver }) => `  ${change.of}/${consumer} max_deliver: ${maxDeliver} → -1`,
        ),
      ]
    case 'return':
      return [
        `${name}: return: ${showMessages(change.copies)} redriven to it, and it has no reader; they become dead letters again`,
      ]
    case 'blocked':
      return [`${name}: cannot be changed`, ...change.fields.map(describeField), `  way out: ${change.wayOut}`]
  }
}

function describeDrops({ drops = [] }: { readonly drops?: readonly Drop[] }): readonly string[] {
  return drops.flatMap(({ field, messages, isEstimate, unread }) => {
    const readers = unread.map((one) => `up to ${showCount(one.messages)} by ${one.consumer}`)
    return [
      `  removes ${isEstimate ? 'about ' : ''}${showMessages(messages)} over ${field}, the oldest first`,
      `    not read yet: ${readers.length === 0 ? 'none' : readers.join(', ')}`,
    ]
  })
}

function describeNote(note: Note): readonly string[] {
  const name = nameOf(note)
  switch (note.kind) {
    case 'not_retired':
      return [
        note.readers.length === 0
          ? `${name}: left alone: of a kit before 1.0, with ${note.advisories} advisories; with the migrator’s password, and without --streams-only, it is retired`
          : `${name}: left alone: instances with a kit before 1.0 still run, which read it (${note.readers.join(', ')}); when they have stopped, run \`pnpm ops apply\` again`,
      ]
    case 'paused':
      return [
        `${name}: left alone: paused on the broker for ${Math.ceil(note.forMs / 60_000)} min more by another tool; ${showMessages(note.waiting)} unread`,
      ]
    case 'nothing_to_destroy':
      return [
        note.isThere
          ? `${name}: nothing of it is destroyed: it is as declared`
          : `${name}: nothing to destroy: there is nothing of that name`,
      ]
    case 'unknown':
      return [
        `${name}: not declared; left alone (${showCount(note.messages)} ${note.consumer === undefined ? 'messages' : 'unread or unsettled'})`,
      ]
  }
}

function describeField({ field, before, after }: FieldUpdate): string {
  return `  ${field}: ${showValue(field, before)} → ${showValue(field, after)}`
}
