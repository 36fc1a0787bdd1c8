import { type DeadLetterEntry, deadLetterStreamName, showDeadLetter } from '../../src/admin.ts'
import { waitFor } from '../../src/testing.ts'
import { manager } from '../harness.ts'
import type { ForeignApp } from './foreign-app.ts'
import type { ForeignBus } from './foreign-bus.ts'
import type { ForeignCase, StoredCase, Violation } from './foreign-case.ts'
import { isSame, originalOf } from './original-of.ts'
import { redriveSome } from './redrive-some.ts'

/** What a batch came to. */
export interface BatchResult {
  readonly violations: readonly Violation[]
  /** Foreign messages that the server stored; the others it refused, or took for its own. */
  readonly stored: number
  readonly deadLetters: number
  readonly redriven: number
}

export interface BatchOptions {
  /** How long all messages may take to an end, in milliseconds. */
  readonly deadlineMs: number
}

/**
 * Writes the cases to the stream, a good message behind each, and holds every message that the server stored to its
 * end: handled once, or one dead letter with its bytes, for each app. Some dead letters are redriven.
 */
export async function runBatch(
  bus: ForeignBus,
  cases: readonly ForeignCase[],
  options: BatchOptions,
): Promise<BatchResult> {
  const stored = await writeAll(bus, cases)
  const violations: Violation[] = []
  await allSettled(bus, options.deadlineMs).catch((error: Error) => violations.push({ what: error.message }))
  let deadLetters = 0
  let redriven = 0
  for (const app of bus.apps) {
    const kept = await bus.deadLetters(app)
    deadLetters += kept.length
    violations.push(...checkEnds(app, stored, kept), ...(await checkBytes(bus, stored, kept)))
    // What did not even come to its end once would only be said twice.
    if (violations.length === 0) {
      const report = await redriveSome(bus, app, stored, options.deadlineMs)
      redriven += report.redriven
      violations.push(...report.violations)
    }
    app.runs.length = 0
  }
  violations.push(...(await checkApps(bus, options.deadlineMs)))
  await (await manager(bus.admin)).streams.purge(deadLetterStreamName(bus.stream.name))
  return { violations, stored: stored.filter(({ isForeign }) => isForeign).length, deadLetters, redriven }
}

/** The answers say which case is stored where; messages that are stored unasked for are found by their sequence. */
async function writeAll(bus: ForeignBus, cases: readonly ForeignCase[]): Promise<readonly StoredCase[]> {
  const before = await bus.lastSeq()
  const stored = new Map<number, StoredCase>()
  const { subject } = bus.channel
  let last: Promise<unknown> = Promise.resolve()
  for (const { index, frame, end } of cases) {
    void bus.raw.publish(subject, frame).then((answer) => {
      if ('seq' in answer && !answer.duplicate) stored.set(answer.seq, { seq: answer.seq, end, index, isForeign: true })
    })
    const behind = { header: undefined, body: Buffer.from(JSON.stringify({ id: `behind-${index}` })) }
    last = bus.raw.publish(subject, behind).then((answer) => {
      if (!('seq' in answer)) throw new Error(`a good message was refused behind case ${index}: ${answer.error}`)
      stored.set(answer.seq, { seq: answer.seq, end: 'handled', index, isForeign: false })
    })
    last.catch(() => undefined)
  }
  // The server answers one stream's messages in their order.
  await last
  const after = await bus.lastSeq()
  for (let seq = before + 1; seq <= after; seq++) {
    if (!stored.has(seq)) stored.set(seq, { seq, end: 'either', index: -1, isForeign: true })
  }
  return [...stored.values()]
}

async function allSettled(bus: ForeignBus, deadlineMs: number): Promise<void> {
  const settled = bus.apps.map((app) => {
    const what = `an end for all that ${app.consumer} was given`
    return waitFor(async () => (await bus.pending(app)) === 0, { deadlineMs, everyMs: 30, what })
  })
  await Promise.all(settled)
}

/** Handled once and no dead letter, or one dead letter and not handled. */
function checkEnds(app: ForeignApp, stored: readonly StoredCase[], kept: readonly DeadLetterEntry[]): Violation[] {
  const handled = countBy(app.runs.filter(({ isDone }) => isDone).map(({ seq }) => seq))
  const dead = countBy(kept.map(({ original }) => original.seq))
  const violations: Violation[] = []
  for (const { seq, end, index, isForeign } of stored) {
    const [handlings, deadLetters] = [handled.get(seq) ?? 0, dead.get(seq) ?? 0]
    const isRight =
      (handlings === 1 && deadLetters === 0 && end !== 'deadLetter') ||
      (handlings === 0 && deadLetters === 1 && end !== 'handled')
    if (isRight) continue
    const which = isForeign ? 'the message' : 'the good message behind it'
    const what = `${app.name}: ${which} was handled ${handlings} times and has ${deadLetters} dead letters; right is: ${end}`
    violations.push({ what, index })
  }
  return violations
}

/** The dead letter has what the broker has, byte for byte. */
async function checkBytes(
  bus: ForeignBus,
  stored: readonly StoredCase[],
  kept: readonly DeadLetterEntry[],
): Promise<readonly Violation[]> {
  const indexOf = new Map(stored.map(({ seq, index }) => [seq, index]))
  const violations: Violation[] = []
  for (const { seq, original, reason } of kept) {
    const index = indexOf.get(original.seq)
    if (index === undefined) continue
    const [deadLetter, message] = await Promise.all([
      showDeadLetter(bus.admin, bus.stream.name, seq),
      bus.stored(original.seq),
    ])
    if (!message) violations.push({ what: `the stream no longer has message ${original.seq}`, index })
    else if (!deadLetter) violations.push({ what: `dead letter ${seq} is listed and cannot be shown`, index })
    else if (!isSame(originalOf(deadLetter), message)) {
      violations.push({ what: `dead letter ${seq} (${reason}) has other bytes than its original`, index })
    }
  }
  return violations
}

/** At the end all is well: the apps say so, the connections stayed, and nothing was raised. */
async function checkApps({ apps, disturbances, raw }: ForeignBus, deadlineMs: number): Promise<readonly Violation[]> {
  const violations: Violation[] = []
  const isWell = () => apps.every(({ subscriber }) => subscriber.checks().every(({ ok }) => ok))
  await waitFor(isWell, { deadlineMs }).catch(() => {
    const bad = apps.flatMap(({ subscriber }) => subscriber.checks().filter(({ ok }) => !ok))
    violations.push({ what: `the apps are not ready: ${JSON.stringify(bad)}` })
  })
  if (raw.broken !== undefined) throw new Error(`the foreign client's connection ended: ${raw.broken}`)
  return [...violations, ...disturbances.take().map((what) => ({ what }))]
}

function countBy(keys: readonly number[]): ReadonlyMap<number, number> {
  const counts = new Map<number, number>()
  for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1)
  return counts
}
