import { setTimeout as sleep } from 'node:timers/promises'
import { type DeadLetterEntry, showDeadLetter } from '../../src/admin.ts'
import { originalOf } from '../foreign/original-of.ts'
import type { AckedMessage, ModelBus } from './model-bus.ts'
import { APPS, type ModelApp, type ModelMessage } from './model-contracts.ts'

/** For everything to come to its end when all faults are over. */
const SETTLED_WITHIN_MS = 60_000
/** With nothing pending on the broker and an end still missing: then it will not come any more. */
const LOST_AFTER_MS = 12_000
const LOOK_EVERY_MS = 250
const EXAMPLES = 8

/**
 * Waits for the end of every acknowledged message and says what does not hold: handled at least once, or one dead
 * letter, or pending and counted; and never two dead letters of one message and consumer.
 */
export async function judgeModel(bus: ModelBus): Promise<readonly string[]> {
  const violations = (await Promise.all(APPS.map((app) => judgeApp(bus, app)))).flat()
  return [...violations, ...(await judgeDeadLetters(bus, await bus.deadLetters()))]
}

async function judgeApp(bus: ModelBus, app: ModelApp): Promise<readonly string[]> {
  const endsAt = performance.now() + SETTLED_WITHIN_MS
  let idleSince: number | undefined
  for (;;) {
    const missing = await missingOf(bus, app)
    if (missing.length === 0) return []
    const pending = await bus.pending(app).catch(() => undefined)
    const now = performance.now()
    idleSince = pending === 0 ? (idleSince ?? now) : undefined
    if (now > endsAt || (idleSince !== undefined && now - idleSince > LOST_AFTER_MS)) {
      if (pending !== undefined && missing.length <= pending) return []
      return [
        `${app.name}: ${missing.length} acknowledged messages are neither handled nor a dead letter, and ${pending ?? 'unknown'} are pending: ` +
          missing
            .slice(0, EXAMPLES)
            .map(({ id, stream, seq }) => `${id} (${stream} ${seq})`)
            .join(', '),
      ]
    }
    await sleep(LOOK_EVERY_MS)
  }
}

async function missingOf(bus: ModelBus, app: ModelApp): Promise<readonly AckedMessage[]> {
  const handled = new Set(bus.journal.ids(`handled.${app.name}`))
  const missing = bus.acked.filter(({ id }) => !handled.has(id))
  if (missing.length === 0) return []
  const consumers = new Set(bus.streams.map((_, n) => bus.consumerOf(app, n)))
  const dead = new Set(
    (await bus.deadLetters().catch(() => []))
      .filter(({ consumer }) => consumers.has(consumer))
      .map(({ original }) => `${original.stream} ${original.seq}`),
  )
  return missing.filter(({ stream, seq }) => !dead.has(`${stream} ${seq}`))
}

/** At most one of a message and consumer, each with its message in it. */
async function judgeDeadLetters(bus: ModelBus, dead: readonly DeadLetterEntry[]): Promise<readonly string[]> {
  const idOf = new Map(bus.acked.map(({ id, stream, seq }) => [`${stream} ${seq}`, id]))
  const seen = new Set<string>()
  const violations: string[] = []
  for (const { seq, consumer, original, reason, lost } of dead) {
    const message = `${original.stream} ${original.seq}`
    const name = `dead letter ${seq} (${reason}) of ${consumer} for ${message}`
    if (seen.has(`${consumer} ${message}`)) violations.push(`${name} is the second of its message and consumer`)
    seen.add(`${consumer} ${message}`)
    const id = idOf.get(message)
    const shown = await showDeadLetter(bus.connection, original.stream, seq)
    if (lost || !shown) violations.push(`${name} has no original`)
    else if (id !== undefined && idIn(originalOf(shown).data) !== id) violations.push(`${name} is not of ${id}`)
  }
  return violations
}

function idIn(data: Uint8Array): string | undefined {
  try {
    return (JSON.parse(Buffer.from(data).toString()) as ModelMessage).id
  } catch {
    return undefined
  }
}
