import { cpus } from 'node:os'
import { getHeapStatistics } from 'node:v8'
import { cpuSeconds } from './cpu-time.ts'

/** What one round took. Processor time of the client is that of the process that measures. */
export interface Lap {
  readonly seconds: number
  readonly clientCpuSeconds: number
  readonly brokerCpuSeconds: number
  /** What the rest of the machine used meanwhile: where it is much, rates say little. */
  readonly othersCpuSeconds: number
  /**
   * Bytes that the engine allocated on its heap, whether collected since or not: the engine's own counter, so that no
   * collection in between falsifies it. The bytes of buffers lie outside the heap and are not in it. Undefined on a
   * Node that has no such counter.
   */
  readonly allocatedBytes: number | undefined
}

/** Measures wall time, processor time of client and brokers, and allocations between `start` and `stop`. */
export class Stopwatch {
  readonly #brokerPids: readonly number[]
  #startedAt = 0
  #client: NodeJS.CpuUsage = { user: 0, system: 0 }
  #broker = 0
  #machine = 0
  #allocated: number | undefined

  constructor(brokerPids: readonly number[]) {
    this.#brokerPids = brokerPids
  }

  readonly start = (): void => {
    this.#broker = this.#brokerCpu()
    this.#machine = machineCpuSeconds()
    this.#allocated = allocatedBytes()
    this.#client = process.cpuUsage()
    this.#startedAt = performance.now()
  }

  stop(): Lap {
    const seconds = (performance.now() - this.#startedAt) / 1000
    const { user, system } = process.cpuUsage(this.#client)
    const allocated = allocatedBytes()
    const clientCpuSeconds = (user + system) / 1e6
    const brokerCpuSeconds = this.#brokerCpu() - this.#broker
    return {
      seconds,
      clientCpuSeconds,
      brokerCpuSeconds,
      othersCpuSeconds: Math.max(0, machineCpuSeconds() - this.#machine - clientCpuSeconds - brokerCpuSeconds),
      allocatedBytes:
        allocated === undefined || this.#allocated === undefined ? undefined : allocated - this.#allocated,
    }
  }

  #brokerCpu(): number {
    return this.#brokerPids.reduce((sum, pid) => sum + cpuSeconds(pid), 0)
  }
}

/** Processor time of everything that runs, in seconds. */
function machineCpuSeconds(): number {
  return cpus().reduce((sum, { times }) => sum + times.user + times.nice + times.sys + times.irq, 0) / 1000
}

/** Newer than the type definitions. */
function allocatedBytes(): number | undefined {
  return (getHeapStatistics() as { readonly total_allocated_bytes?: number }).total_allocated_bytes
}
