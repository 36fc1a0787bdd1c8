/**
 * `pnpm test:faults --minutes 10 --seed 42`: the faults that matter most, again and again, at times that the seed
 * decides. Prints a JSON summary at the end; exits with 1 when anything was lost, appeared from nowhere, or got stuck.
 */
import { parseArgs } from 'node:util'
import { startTestBroker } from '../../src/testing.ts'
import { FOREIGN_BROKER, runForeign } from '../foreign/run-foreign.ts'
import type { HistoryKind } from '../model/history.ts'
import { runModel } from '../model/run-model.ts'
import { startKillableBroker } from './support/broker.ts'
import { startCluster } from './support/cluster.ts'
import { endure } from './support/endurance.ts'
import { describeReport, type FaultReport } from './support/journal.ts'
import { randomOf } from './support/random.ts'
import { flowThrough, killBrokerAndConsumers, killLeader } from './support/scenarios.ts'
import { CleanUp, type OnEnd } from './support/scene.ts'

interface Round extends Omit<FaultReport, 'lost' | 'unexpected'> {
  readonly fault: string
  readonly lost: number
  readonly unexpected: number
  /** Ids for whoever looks for the cause; the first few. */
  readonly examples: readonly string[]
}

/** The part of the time that goes to the soak with its two long-lived processes. */
const ENDURANCE_SHARE = 0.4
const EXAMPLES = 10
/** Of one run; each has a seed of its own. */
const FOREIGN_CASES = 3_000
const MODEL_ROUNDS = 4
const MODEL_ROUND_MS = 12_000

const { minutes, seed } = readArguments()
console.info(`seed ${seed}, for ${minutes} minutes; repeat with --minutes ${minutes} --seed ${seed}`)
const random = randomOf(seed)
const rounds: Round[] = []
const generated = { foreignMessages: 0, histories: 0 }
const failures: string[] = []
const startedAt = performance.now()
const totalMs = minutes * 60_000

const kinds: readonly ((round: number) => Promise<void>)[] = [
  (round) =>
    onOneBroker(`broker and consumer killed, ${round % 2 === 0 ? 'pull' : 'push'}`, round % 2 === 0 ? 'pull' : 'push'),
  () => onCluster(),
  () => foreignMessages(),
  () => histories('any fault'),
  () => histories('last deliveries'),
]
for (let round = 0; performance.now() - startedAt < totalMs * (1 - ENDURANCE_SHARE); round++) {
  for (const kind of kinds) await kind(round)
}
const memory = await enduranceRound(Math.max(10_000, totalMs - (performance.now() - startedAt)))

const sum = (pick: (round: Round) => number): number => rounds.reduce((total, round) => total + pick(round), 0)
const summary = {
  seed,
  minutes,
  rounds: rounds.length,
  acked: sum((round) => round.acked),
  lost: sum((round) => round.lost),
  unexpected: sum((round) => round.unexpected),
  twice: sum((round) => round.twice),
  longestGapMs: Math.max(0, ...rounds.map((round) => round.longestGapMs)),
  memory,
  ...generated,
  failures,
  each: rounds,
}
console.info(JSON.stringify(summary, undefined, 2))
process.exitCode = summary.lost + summary.unexpected + failures.length === 0 ? 0 : 1

async function onOneBroker(fault: string, mode: 'pull' | 'push'): Promise<void> {
  await attempt(fault, async (onEnd) => {
    const broker = await startKillableBroker()
    onEnd(() => broker.stop())
    const scene = await killBrokerAndConsumers(broker, { onEnd, rounds: 5, random, mode })
    return scene.journal.report()
  })
}

async function onCluster(): Promise<void> {
  await attempt('R3, leader killed', async (onEnd) => {
    const cluster = await startCluster()
    onEnd(() => cluster.stop())
    const scene = await flowThrough(cluster, onEnd, async (flowing) => {
      for (let kill = 0; kill < 2; kill++) await killLeader(cluster, random)(flowing)
    })
    return scene.journal.report()
  })
}

async function foreignMessages(): Promise<void> {
  const foreignSeed = seedOf(random)
  await guarded('foreign messages', async (onEnd) => {
    const broker = await startTestBroker(FOREIGN_BROKER)
    onEnd(() => broker.stop())
    const indexes = Array.from({ length: FOREIGN_CASES }, (_, index) => index)
    const { failure, stored } = await runForeign({ broker, seed: foreignSeed, indexes })
    if (failure !== undefined) throw new Error(failure)
    generated.foreignMessages += stored
  })
}

async function histories(kind: HistoryKind): Promise<void> {
  const modelSeed = seedOf(random)
  await guarded(`model, ${kind}`, async (onEnd) => {
    const forMs = MODEL_ROUNDS * MODEL_ROUND_MS
    const { failure } = await runModel({ onEnd, kind, seed: modelSeed, rounds: MODEL_ROUNDS, forMs })
    if (failure !== undefined) throw new Error(failure)
    generated.histories++
  })
}

function seedOf(random: () => number): number {
  return Math.floor(random() * 2 ** 32)
}

async function enduranceRound(forMs: number): Promise<unknown> {
  let memory: unknown
  await attempt('soak', async (onEnd) => {
    const broker = await startKillableBroker()
    onEnd(() => broker.stop())
    const endurance = await endure(broker, { onEnd, forMs, random, mode: 'pull' })
    memory = { ...endurance.memory, brokerKills: endurance.kills }
    return endurance.scene.journal.report()
  })
  return memory
}

/** One round with a journal. */
async function attempt(fault: string, act: (onEnd: OnEnd) => Promise<FaultReport>): Promise<void> {
  await guarded(fault, async (onEnd) => {
    const report = await act(onEnd)
    console.info(describeReport(fault, report))
    const { lost, unexpected, ...figures } = report
    const examples = [...lost, ...unexpected].slice(0, EXAMPLES)
    rounds.push({ fault, ...figures, lost: lost.length, unexpected: unexpected.length, examples })
  })
}

/** What gets stuck is a failure too, and does not stop the next round. */
async function guarded(fault: string, act: (onEnd: OnEnd) => Promise<void>): Promise<void> {
  const cleanUp = new CleanUp()
  try {
    await act(cleanUp.add)
  } catch (error) {
    console.error(`${fault}: ${String(error)}`)
    failures.push(`${fault}: ${String(error)}`)
  } finally {
    await cleanUp.run()
  }
}

function readArguments(): { readonly minutes: number; readonly seed: number } {
  const { values } = parseArgs({ options: { minutes: { type: 'string', default: '10' }, seed: { type: 'string' } } })
  const minutes = Number(values.minutes)
  const seed = values.seed === undefined ? Math.floor(Math.random() * 2 ** 32) : Number(values.seed)
  if (!(minutes > 0) || !Number.isSafeInteger(seed))
    throw new Error('give --minutes above 0, and --seed as a whole number')
  return { minutes, seed }
}
