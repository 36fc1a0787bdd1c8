import type { Worker } from './worker.ts'
import type { Memory } from './worker-settings.ts'

export interface MemorySample extends Memory {
  readonly atMs: number
}

/** In MiB, the slopes in MiB a minute. */
export interface MemoryReport {
  readonly samples: number
  readonly rss: Course
  /** What a full collection left. */
  readonly heap: Course
}

export interface Course {
  readonly first: number
  readonly last: number
  readonly highest: number
  /** Of the later two thirds, as the line of least squares has it: the first third is spent warming up. */
  readonly slope: number
}

export interface MemoryWatch {
  stop(): MemoryReport
}

const MIB = 2 ** 20
const SAMPLE_MS = 1_000

/** Asks a process for its memory once a second, for as long as it lives. */
export function watchMemory(worker: Worker): MemoryWatch {
  const samples: MemorySample[] = []
  const look = (): void => {
    worker.memory().then(
      (memory) => samples.push({ ...memory, atMs: performance.now() }),
      () => undefined,
    )
  }
  look()
  const timer = setInterval(look, SAMPLE_MS)
  return {
    stop() {
      clearInterval(timer)
      return {
        samples: samples.length,
        rss: courseOf(samples.map(({ atMs, rssBytes }) => [atMs, rssBytes])),
        heap: courseOf(samples.map(({ atMs, heapBytes }) => [atMs, heapBytes])),
      }
    },
  }
}

function courseOf(samples: readonly (readonly [atMs: number, bytes: number])[]): Course {
  const points = samples.map(([atMs, bytes]) => [atMs / 60_000, bytes / MIB] as const)
  const values = points.map(([, value]) => value)
  return {
    first: rounded(values[0] ?? 0),
    last: rounded(values.at(-1) ?? 0),
    highest: rounded(Math.max(0, ...values)),
    slope: rounded(slopeOf(points.slice(Math.floor(points.length / 3)))),
  }
}

/** The slope of the line of least squares; 0 where no line can be drawn. */
function slopeOf(points: readonly (readonly [x: number, y: number])[]): number {
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length
  const [middleX, middleY] = [mean(points.map(([x]) => x)), mean(points.map(([, y]) => y))]
  const spread = points.reduce((sum, [x]) => sum + (x - middleX) ** 2, 0)
  if (!(spread > 0)) return 0
  return points.reduce((sum, [x, y]) => sum + (x - middleX) * (y - middleY), 0) / spread
}

function rounded(value: number): number {
  return Math.round(value * 100) / 100
}
