import type { AppliedStream } from './apply-streams.ts'

const DONE = { none: 'nothing to do', created: 'created', updated: 'updated', refused: 'refused' } as const
const PLANNED = {
  none: 'nothing to do',
  created: 'would be created',
  updated: 'would be updated',
  refused: 'would be refused',
} as const

/** One stream in plain lines: what was done, or would be, and below it each field with its value before and after. */
export function describeApplied({ stream, action, changes }: AppliedStream, dryRun = false): readonly string[] {
  return [
    `${stream}: ${(dryRun ? PLANNED : DONE)[action]}`,
    ...changes.map(({ field, before, after }) => `  ${field}: ${show(before)} → ${show(after)}`),
  ]
}

function show(value: unknown): string {
  return value === null ? 'unset' : JSON.stringify(value)
}
