import { type ChildProcess, fork } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Answer, Assignment, Order } from '../worker/protocol.ts'
import type { RoundResult } from '../worker/task.ts'

const CHECKOUT = fileURLToPath(new URL('../../..', import.meta.url))
/** In a checkout. What a worker is asked and answers stays the same, so that an older one can be run. */
export const WORKER = 'benchmarks/src/worker/main.ts'
/** A process that does not end when it is asked to is killed after this. */
const END_TIMEOUT_MS = 10_000
const KEPT_ERROR_CHARACTERS = 2_000

/** A contender in a process of its own, so that no other contender's code, heap or timers share its time. */
export class ContenderProcess {
  readonly #child: ChildProcess
  readonly #exited: Promise<void>
  #stderr = ''
  #waiting: { resolve(answer: Answer): void; reject(error: Error): void } | undefined

  private constructor(assignment: Assignment, nodeOptions: readonly string[], checkout: string) {
    this.#child = fork(join(checkout, WORKER), [JSON.stringify(assignment)], {
      execArgv: ['--conditions=@alarm-bus/source', '--no-warnings', ...nodeOptions],
      // A profiler or a coverage tool of the person who runs this would be measured too.
      env: { ...process.env, NODE_OPTIONS: '' },
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    })
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-KEPT_ERROR_CHARACTERS)
    })
    this.#child.on('message', (answer: Answer) => this.#waiting?.resolve(answer))
    this.#exited = new Promise((resolve) => {
      this.#child.once('close', () => {
        this.#waiting?.reject(new Error(`the process ended before its answer. ${this.#stderr.trim()}`))
        resolve()
      })
    })
  }

  /**
   * @param checkout whose worker and kit run; this one by default.
   * @throws Error saying why the contender cannot be started.
   */
  static async start(
    assignment: Assignment,
    nodeOptions: readonly string[],
    checkout = CHECKOUT,
  ): Promise<ContenderProcess> {
    const started = new ContenderProcess(assignment, nodeOptions, checkout)
    try {
      await started.#answer()
      return started
    } catch (error) {
      await started.end()
      throw error
    }
  }

  /** @throws Error saying what the round lost, or why it could not be done. */
  async round(count: number): Promise<RoundResult> {
    const answered = this.#answer()
    this.#child.send({ kind: 'round', count } satisfies Order)
    const answer = await answered
    if (answer.kind !== 'result') throw new Error(`unexpected answer ${answer.kind}`)
    return answer.result
  }

  async end(): Promise<void> {
    if (this.#child.connected) this.#child.send({ kind: 'end' } satisfies Order, () => undefined)
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), END_TIMEOUT_MS)
    await this.#exited
    clearTimeout(timer)
  }

  async #answer(): Promise<Answer> {
    try {
      const answer = await new Promise<Answer>((resolve, reject) => (this.#waiting = { resolve, reject }))
      if (answer.kind === 'failed') throw new Error(answer.error)
      return answer
    } finally {
      this.#waiting = undefined
    }
  }
}
