import { type Channel, type CheckedMessage, checkReceived, checkToPublish, defineChannel } from '@alarm-bus/contracts'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { diffSchemas } from '../src/compatibility/diff-schemas.ts'
import { Party } from '../src/compatibility/difference.ts'
import { changeOf } from './arbitrary-change.ts'
import { messageOf } from './arbitrary-message.ts'
import { anySpec } from './arbitrary-spec.ts'
import { type Spec, toZod } from './schema-spec.ts'

/** The same cases in every run; a failure prints the seed and the path to its case. */
const SEED = Number(process.env['FAST_CHECK_SEED'] ?? 20_261_124)
const RUNS = Number(process.env['FAST_CHECK_RUNS'] ?? 500)
const MESSAGES_EACH = 12

// Schemas that are used a few times only are not worth compiling.
z.config({ jitless: true })

const channelOf = (spec: Spec): Channel =>
  defineChannel({ name: 'generated', subject: 'generated', description: 'Generated.', schema: toZod(spec) })

/** A schema, a change of it or another one, and messages for both. */
const change = anySpec
  .chain((before) =>
    fc.tuple(
      fc.constant(before),
      fc.oneof({ weight: 9, arbitrary: changeOf(before) }, { weight: 1, arbitrary: anySpec }),
    ),
  )
  .chain(([before, after]) =>
    fc.record({
      before: fc.constant(before),
      after: fc.constant(after),
      old: fc.array(messageOf(before), { minLength: MESSAGES_EACH, maxLength: MESSAGES_EACH }),
      fresh: fc.array(messageOf(after), { minLength: MESSAGES_EACH, maxLength: MESSAGES_EACH }),
    }),
  )

/** What the bus carries for a message: nothing when the publisher is refused. */
function published(channel: Channel, message: unknown): readonly string[] {
  const checked = checkToPublish(channel, message)
  return checked.ok ? [JSON.stringify(checked.message)] : []
}

/** How often a promise was put to the test: never, if the checker refused everything. */
interface Tally {
  changes: number
  messages: number
}

test('a change that is called compatible makes no valid message invalid, for whomever it is called so', () => {
  const tallies = Object.fromEntries(
    Object.values(Party).map((party): [Party, Tally] => [party, { changes: 0, messages: 0 }]),
  )
  fc.assert(
    fc.property(change, ({ before, after, old, fresh }) => {
      const [was, is] = [channelOf(before), channelOf(after)]
      const broken = new Set(diffSchemas(was.jsonSchema, is.jsonSchema).flatMap(({ breaks }) => breaks))
      const holds = (
        party: Party,
        messages: readonly unknown[],
        isValid: (message: never) => CheckedMessage<Channel>,
      ) => {
        if (broken.has(party) || messages.length === 0) return
        for (const message of messages) {
          expect(isValid(message as never), `${party}: ${JSON.stringify(message)}`).toMatchObject({ ok: true })
        }
        const tally = tallies[party] as Tally
        tally.changes += 1
        tally.messages += messages.length
      }
      holds(
        Party.NewConsumer,
        old.flatMap((message) => published(was, message)),
        (wire) => checkReceived(is, JSON.parse(wire)),
      )
      holds(
        Party.OldConsumer,
        fresh.flatMap((message) => published(is, message)),
        (wire) => checkReceived(was, JSON.parse(wire)),
      )
      holds(
        Party.Producer,
        old.filter((message) => checkToPublish(was, message).ok),
        (message) => checkToPublish(is, message),
      )
    }),
    { seed: SEED, numRuns: RUNS },
  )
  for (const [party, { changes, messages }] of Object.entries(tallies)) {
    expect(changes, party).toBeGreaterThan(RUNS / 8)
    expect(messages, party).toBeGreaterThan(RUNS)
  }
})

test('a schema differs from itself in nothing', () => {
  fc.assert(
    fc.property(anySpec, (spec) => {
      expect(diffSchemas(channelOf(spec).jsonSchema, channelOf(spec).jsonSchema)).toEqual([])
    }),
    { seed: SEED, numRuns: RUNS },
  )
})
