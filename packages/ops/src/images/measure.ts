import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { AppContainer, Engine } from './engine.ts'

/** What an app's image and container came to. */
export interface ImageFigures {
  readonly app: string
  /** What the image adds to its base. */
  readonly addedBytes: number
  /** From `run` until it was ready. */
  readonly readyMs: number
  /** Resident memory once it had nothing to do. */
  readonly idleRssBytes: number
}

/** How long an app is left alone before its memory counts as idle. */
const IDLE_MS = 3_000

export async function figuresOf(
  engine: Engine,
  app: string,
  image: string,
  container: AppContainer,
): Promise<ImageFigures> {
  const { bytes, baseBytes } = await engine.sizes(image)
  await sleep(IDLE_MS)
  return {
    app,
    addedBytes: bytes - baseBytes,
    readyMs: Math.round(container.readyMs),
    idleRssBytes: residentBytes(container.nodePid),
  }
}

function residentBytes(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024
}

/** The figures as a table, each against its goal. */
export function describeFigures(figures: readonly ImageFigures[]): readonly string[] {
  const megabytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`
  const header = `  ${'app'.padEnd(16)}${'over base (≤ 40)'.padEnd(20)}${'start to ready (≤ 1 s)'.padEnd(26)}idle memory (≤ 90)`
  const rows = figures.map(
    ({ app, addedBytes, readyMs, idleRssBytes }) =>
      `  ${app.padEnd(16)}${megabytes(addedBytes).padEnd(20)}${`${(readyMs / 1_000).toFixed(2)} s`.padEnd(26)}${megabytes(idleRssBytes)}`,
  )
  return [header, ...rows]
}
