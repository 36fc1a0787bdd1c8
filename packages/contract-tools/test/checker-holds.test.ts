import {
  type Channel,
  type CheckedMessage,
  checkReceived,
  checkToPublish,
  type Compatibility,
  ContractError,
  defineChannel,
} from '@alarm-bus/contracts'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { z } from 'zod'
import type { CompatibilityMode } from '../src/compatibility/released.ts'
import { Party } from '../src/compatibility/difference.ts'
import { changeOf } from './arbitrary-change.ts'
import { messageOf } from './arbitrary-message.ts'
import { anySpec, hiddenSpec } from './arbitrary-spec.ts'
import { gate } from './gate.ts'
import { Parts, type Spec, toZod } from './schema-spec.ts'

/** The same cases in every run; a failure prints the seed and the path to its case. */
const SEED = Number(process.env['FAST_CHECK_SEED'] ?? 20_261_124)
const RUNS = Number(process.env['FAST_CHECK_RUNS'] ?? 1_000)
/** Past it the cases that were not tried are left, so that a slow machine does not fail. */
const MAX_MS = Number(process.env['FAST_CHECK_MS'] ?? 7_000)
const MESSAGES_EACH = 12

// Schemas that are used a few times only are not worth compiling.
z.config({ jitless: true })

/** A schema with what its parts say, and what its channel promises. */
interface Declared {
  readonly spec: Spec
  readonly least: number
  readonly mode: Compatibility
}

/** The channel, or undefined where it is refused where it is declared. */
function channelOf({ spec, least, mode }: Declared): Channel | undefined {
  try {
    return defineChannel({
      name: 'generated',
      subject: 'generated',
      description: 'Generated.',
      schema: z.object({ it: toZod(spec, new Parts(least)) }),
      compatibility: mode,
    })
  } catch (error) {
    if (error instanceof ContractError) return undefined
    throw error
  }
}

const least = fc.oneof({ weight: 9, arbitrary: fc.constant(1) }, { weight: 1, arbitrary: fc.constant(2) })
const mode = fc.constantFrom<Compatibility>('backward', 'forward', 'full', 'none')
const messages = (spec: Spec) =>
  fc.array(
    messageOf(spec).map((it) => ({ it })),
    { minLength: MESSAGES_EACH, maxLength: MESSAGES_EACH },
  )

/** A schema with a change of it, with another one, or with two rules that nothing shows. */
const pair = anySpec.chain((spec): fc.Arbitrary<readonly [Spec, Spec]> => {
  const [same, hidden] = [fc.constant(spec), hiddenSpec(spec)]
  return fc.oneof(
    { weight: 16, arbitrary: fc.tuple(same, changeOf(spec)) },
    { weight: 2, arbitrary: fc.tuple(same, anySpec) },
    { weight: 1, arbitrary: fc.tuple(hidden, hidden) },
  )
})

/** The two, each as a channel declares it, and messages for both. */
const change = pair.chain(([before, after]) =>
  fc.record({
    before: fc.record({ spec: fc.constant(before), least, mode }),
    after: fc.record({ spec: fc.constant(after), least, mode }),
    old: messages(before),
    fresh: messages(after),
  }),
)

/** What the bus carries for a message: nothing when the publisher is refused, or who has the same schema cannot read it. */
function published(channel: Channel, message: unknown): readonly string[] {
  const checked = checkToPublish(channel, message)
  if (!checked.ok) return []
  const wire = JSON.stringify(checked.message)
  return checkReceived(channel, JSON.parse(wire)).ok ? [wire] : []
}

/** Who must not be broken by what is called compatible; decisions/013. */
const PROTECTED: Readonly<Record<CompatibilityMode, readonly Party[]>> = {
  backward: [Party.NewConsumer, Party.Producer],
  forward: [Party.OldConsumer],
  full: Object.values(Party),
  none: [],
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
  let pairs = 0
  fc.assert(
    fc.property(change, ({ before, after, old, fresh }) => {
      const [was, is] = [channelOf(before), channelOf(after)]
      if (!was || !is) return
      pairs += 1
      const { differences } = gate(was, is)
      const broken = new Set(differences.flatMap(({ breaks }) => breaks))
      // What no schema shows is there only where nothing is promised, and then only a promise makes it count.
      const guarded = new Set(
        [before.mode, after.mode].includes('none')
          ? [...PROTECTED[before.mode], ...PROTECTED[after.mode]]
          : Object.values(Party),
      )
      const holds = (party: Party, sent: readonly unknown[], isValid: (message: never) => CheckedMessage<Channel>) => {
        if (broken.has(party) || !guarded.has(party) || sent.length === 0) return
        for (const message of sent) {
          expect(isValid(message as never), `${party}: ${JSON.stringify(message)}`).toMatchObject({ ok: true })
        }
        const tally = tallies[party] as Tally
        tally.changes += 1
        tally.messages += sent.length
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
    { seed: SEED, numRuns: RUNS, interruptAfterTimeLimit: MAX_MS },
  )
  console.log(`seed ${SEED}: ${pairs} pairs of schemas`, JSON.stringify(tallies))
  for (const [party, { changes, messages: sent }] of Object.entries(tallies)) {
    expect(changes, party).toBeGreaterThan(pairs / 10)
    expect(sent, party).toBeGreaterThan(pairs)
  }
})

test('a schema differs from itself in nothing', () => {
  fc.assert(
    fc.property(anySpec, (spec) => {
      const declared: Declared = { spec, least: 1, mode: 'full' }
      const [was, is] = [channelOf(declared), channelOf(declared)]
      if (was && is) expect(gate(was, is).differences).toEqual([])
    }),
    { seed: SEED, numRuns: RUNS, interruptAfterTimeLimit: MAX_MS },
  )
})
