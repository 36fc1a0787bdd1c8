import { UsageError } from '@alarm-bus/command-line'
import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { writePrivate } from '../private-file.ts'
import type { Plan } from './plan.ts'
import { PlanError } from './plan-error.ts'
import { sealOf } from './plan-seal.ts'

const fields = z.array(z.strictObject({ field: z.string(), before: z.unknown(), after: z.unknown() }))

/** What `apply` needs of a file. It makes the plan again, and does the new one only where both say the same. */
const schema = z.strictObject({
  version: z.literal(1),
  fingerprint: z.string(),
  options: z.strictObject({
    streamsOnly: z.boolean(),
    mode: z.enum(['pull', 'push']).optional(),
    replicas: z.number().optional(),
    destroy: z.array(z.string()),
  }),
  changes: z.array(z.looseObject({ action: z.string(), stream: z.string(), fields: fields.optional() })),
  notes: z.array(z.looseObject({ kind: z.string(), stream: z.string() })),
  seal: z.string(),
})

/** For its owner alone: a plan shows what is on the broker, and is what `apply` goes by. */
export function writePlan(file: string, plan: Plan): void {
  writePrivate(file, `${JSON.stringify(plan, null, 2)}\n`)
}

/** @throws UsageError for a file that is not there or is no plan of this release; PlanError for one that was edited. */
export function readPlan(file: string): Plan {
  const plan = parsePlan(file)
  if (plan.seal === sealOf(plan)) return plan
  throw new PlanError(
    'plan_edited',
    `${file} was edited after it was written; make a new one with \`pnpm ops plan --out ${file}\`; nothing was done`,
  )
}

function parsePlan(file: string): Plan {
  try {
    return schema.parse(JSON.parse(readFileSync(file, 'utf8'))) as unknown as Plan
  } catch (error) {
    const why = error instanceof z.ZodError ? z.prettifyError(error) : (error as Error).message
    throw new UsageError(`${file} is not a plan of this release: ${why}`, { cause: error })
  }
}
