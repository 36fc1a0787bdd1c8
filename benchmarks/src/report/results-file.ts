import { writeFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import type { Scale } from '../run/scale.ts'
import type { RowReport } from './row-report.ts'

/** What a run leaves behind. */
export interface Results {
  readonly finishedAt: string
  readonly scale: Scale['name']
  readonly rounds: number
  readonly node: string
  readonly natsServer: string
  readonly platform: string
  readonly processors: number
  readonly rows: readonly RowReport[]
}

export const RESULTS_FILE = fileURLToPath(new URL('../../results.json', import.meta.url))

export function resultsOf(rows: readonly RowReport[], scale: Scale, natsServer: string): Results {
  return {
    finishedAt: new Date().toISOString(),
    scale: scale.name,
    rounds: scale.starts * scale.rounds,
    node: process.version,
    natsServer,
    platform: `${process.platform} ${process.arch}`,
    processors: availableParallelism(),
    rows,
  }
}

export async function writeResults(results: Results): Promise<void> {
  await writeFile(RESULTS_FILE, `${JSON.stringify(results, undefined, 2)}\n`)
}
