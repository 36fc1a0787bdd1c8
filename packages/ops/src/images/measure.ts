import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { AppContainer, Engine } from './engine.ts'

/** What an app's image and container came to. */
export interface ImageFigures {
  readonly app: string
  /** What the image adds to its base. */
  readonly addedBytes: number
  /** From the engine's `run` until it was ready, what the engine sets up included. */
  readonly runMs: number
  /** From the start of Node's process until it was ready. */
  readonly readyMs: number
  /** Resident memory once it had nothing to do. */
  readonly idleRssBytes: number
}

/** How long an app is left alone before its memory counts as idle. */
const IDLE_MS = 3_000

export async function figuresOf(
  engine: Engine,
  app: string,
  { image, base }: { readonly image: string; readonly base: string },
  container: AppContainer,
): Promise<ImageFigures> {
  const { bytes, baseBytes } = await engine.sizes(image, base)
  await sleep(IDLE_MS)
  return {
    app,
    addedBytes: bytes - baseBytes,
    runMs: container.readyMs,
    readyMs: container.readyAtMs - startedAtMs(container.nodePid),
    idleRssBytes: residentBytes(container.nodePid),
  }
}

/** Linux counts in hundredths of a second wherever a program reads it. */
const TICK_MS = 10

/** When the process was started, in milliseconds of the Unix epoch. */
function startedAtMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // The 22nd field; the second is a name in parentheses, and may hold anything.
  const sinceBootMs = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]) * TICK_MS
  const uptimeMs = Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]) * 1_000
  return Date.now() - uptimeMs + sinceBootMs
}

function residentBytes(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024
}

/** The figures as a table, each against its goal. */
export function describeFigures(figures: readonly ImageFigures[]): readonly string[] {
  const megabytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`
  const seconds = (ms: number): string => `${(ms / 1_000).toFixed(2)} s`
  const titles = [
    'app'.padEnd(14),
    'over base (≤ 40)',
    'run to ready',
    'process to ready (≤ 1 s)',
    'idle memory (≤ 90)',
  ]
  const rows = figures.map(({ app, addedBytes, runMs, readyMs, idleRssBytes }) => [
    app,
    megabytes(addedBytes),
    seconds(runMs),
    seconds(readyMs),
    megabytes(idleRssBytes),
  ])
  return [titles, ...rows].map(
    (cells) =>
      `  ${cells
        .map((cell, column) => cell.padEnd((titles[column] as string).length + 2))
        .join('')
        .trimEnd()}`,
  )
}
