import { setTimeout as sleep } from 'node:timers/promises'
import { startWorker, type Worker } from '../faults/support/worker.ts'
import type { ModelQuestion, ModelSettings, Readiness } from './model-settings.ts'

const RESTART_MS = 100
/** A process that is busy with its start answers late. */
const ANSWER_MS = 2_000

/** A process of the model that an orchestrator keeps running: one that dies is started again. */
export class ModelProcessSlot {
  readonly #settings: ModelSettings
  #worker: Worker | undefined

  constructor(settings: ModelSettings) {
    this.#settings = settings
  }

  start(isHealed = false): void {
    const worker = startWorker('../../model/model-process.ts', { ...this.#settings, isHealed })
    this.#worker = worker
    void worker.exited.then(async () => {
      await sleep(RESTART_MS)
      // Another one was started, or none is wanted.
      if (this.#worker === worker) this.start(isHealed)
    })
  }

  /** Ends it, and leaves it ended. */
  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const worker = this.#worker
    this.#worker = undefined
    await worker?.kill(signal)
  }

  /** Which apps say that they are ready; none where the process is away. */
  async readiness(): Promise<Readiness> {
    return ((await this.#ask('readiness')) ?? {}) as Readiness
  }

  async pause(pauseMs: number): Promise<void> {
    await this.#ask({ pauseMs })
  }

  async #ask(question: ModelQuestion): Promise<unknown> {
    const late = sleep(ANSWER_MS, undefined, { ref: false })
    return Promise.race([this.#worker?.ask(question), late]).catch(() => undefined)
  }
}
