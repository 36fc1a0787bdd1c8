import { readFileSync, writeFileSync } from 'node:fs'
import { z } from 'zod'
import { UsageError } from '../config.ts'
import type { Plan } from './plan.ts'

const fields = z.array(z.object({ field: z.string(), before: z.unknown(), after: z.unknown() }))

/** What `apply` needs of a file. It makes the plan anew, and does the new one only where the fingerprints are the same. */
const schema = z.object({
  version: z.literal(1),
  fingerprint: z.string(),
  options: z.object({
    streamsOnly: z.boolean(),
    mode: z.enum(['pull', 'push']).optional(),
    replicas: z.number().optional(),
    destroy: z.array(z.string()),
  }),
  changes: z.array(z.looseObject({ action: z.string(), stream: z.string(), fields: fields.optional() })),
  notes: z.array(z.looseObject({ kind: z.string(), stream: z.string() })),
})

export function writePlan(file: string, plan: Plan): void {
  writeFileSync(file, `${JSON.stringify(plan, null, 2)}\n`)
}

/** @throws UsageError for a file that is not there or is no plan of this release. */
export function readPlan(file: string): Plan {
  try {
    return schema.parse(JSON.parse(readFileSync(file, 'utf8'))) as unknown as Plan
  } catch (error) {
    const why = error instanceof z.ZodError ? z.prettifyError(error) : (error as Error).message
    throw new UsageError(`${file} is no plan of this release: ${why}`, { cause: error })
  }
}
