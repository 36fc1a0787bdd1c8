import { waitFor } from '../../src/testing.ts'
import type { OnEnd } from '../faults/support/scene.ts'
import { describeStep, historyOf } from './history.ts'
import { judgeModel } from './judge-model.ts'
import { openModelBus } from './model-bus.ts'
import { APPS } from './model-contracts.ts'
import { probe, readyApps } from './probe.ts'
import { runStep, type StepContext, type Undo } from './run-step.ts'

export interface ModelOptions {
  readonly onEnd: OnEnd
  readonly seed: number
  readonly rounds: number
  /** No step begins after this, in milliseconds: a slow machine does less, and not the same for longer. */
  readonly forMs: number
}

export interface ModelReport {
  readonly violations: readonly string[]
  readonly acked: number
  readonly deadLetters: number
  /** What was done, a line a step, each with the time since the start. */
  readonly history: readonly string[]
}

const READY_WITHIN_MS = 60_000

/** Lets the history of a seed happen to a bus of its own, heals everything, and judges what became of each message. */
export async function runModel({ onEnd, seed, rounds, forMs }: ModelOptions): Promise<ModelReport> {
  const violations: string[] = []
  const history: string[] = []
  const startedAt = performance.now()
  const note = (line: string): void =>
    void history.push(`+${((performance.now() - startedAt) / 1_000).toFixed(1)} s ${line}`)
  const violated = (what: string): void => {
    violations.push(what)
    note(`VIOLATED: ${what}`)
  }
  const bus = await openModelBus(onEnd)
  const undos = new Undos()
  const context: StepContext = { bus, violated, later: (ms, undo) => undos.later(ms, undo) }
  const allReady = async (when: string): Promise<void> => {
    const isReady = async () => (await readyApps(bus)).length === APPS.length
    await waitFor(isReady, { deadlineMs: READY_WITHIN_MS, everyMs: 100 }).catch(() => violated(`not ready ${when}`))
  }
  await allReady('at the start')
  for (const step of historyOf(seed, { rounds })) {
    if (performance.now() - startedAt > forMs) {
      note('time is over; the rest of the history is left out')
      break
    }
    note(describeStep(step))
    await runStep(context, step)
  }
  note('healing: no faults from now on, and every handler succeeds')
  await undos.runAll()
  await Promise.all(bus.processes.map((process) => process.end('SIGKILL')))
  for (const process of bus.processes) process.start(true)
  await allReady('after all faults are over')
  for (const stream of bus.streams.keys()) await probe(bus, stream, violated)
  for (const violation of await judgeModel(bus)) violated(violation)
  const deadLetters = (await bus.deadLetters()).length
  note('judged')
  return { violations, acked: bus.acked.length, deadLetters, history }
}

/** Faults that end by themselves, and at the latest together. */
class Undos {
  readonly #open = new Map<Undo, NodeJS.Timeout>()

  later(ms: number, undo: Undo): void {
    // A broker that is away is asked again at the end.
    const run = (): void =>
      void undo()
        .then(() => this.#open.delete(undo))
        .catch(() => undefined)
    this.#open.set(undo, setTimeout(run, ms))
  }

  async runAll(): Promise<void> {
    for (const [undo, timer] of this.#open) {
      clearTimeout(timer)
      await waitFor(async () => (await undo(), true), { deadlineMs: 20_000 })
    }
  }
}
