import type { AppliedStream } from './apply-streams.ts'

const DONE = { none: 'nothing to do', created: 'created', updated: 'updated' } as const

/** One stream in plain lines: what was done, and below it each field with its value before and after. */
export function describeApplied({ stream, action, changes }: AppliedStream): readonly string[] {
  return [
    `${stream}: ${DONE[action]}`,
    ...changes.map(({ field, before, after }) => `  ${field}: ${show(before)} → ${show(after)}`),
  ]
}

function show(value: unknown): string {
  return value === null ? 'unset' : JSON.stringify(value)
}
