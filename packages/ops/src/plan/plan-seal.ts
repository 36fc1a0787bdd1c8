import { configHash } from '@alarm-bus/nats-kit/admin'
import type { Change, Plan } from './plan.ts'

/**
 * The hash of all that a plan says. It tells an edited file from the one that was written; a person who edits a file can make
 * it as well, so nothing rests on it that `sameWork` does not compare.
 */
export function sealOf({ version, options, fingerprint, changes, notes }: Omit<Plan, 'seal'>): string {
  return configHash({ version, options, fingerprint, changes, notes })
}

/** Whether two plans rest on the same broker and code, were asked the same, and do the same in the same order. */
export function sameWork(one: Plan, other: Plan): boolean {
  return one.fingerprint === other.fingerprint && workOf(one) === workOf(other)
}

/** A change without what comes and goes while nothing is changed. */
export function lasting(change: Change): object {
  switch (change.action) {
    case 'retire':
      return { ...change, advisories: undefined }
    case 'return':
      return { ...change, copies: undefined }
    case 'resume':
      return { ...change, waiting: undefined }
    case 'update':
    case 'migrate':
      return { ...change, ...(change.drops && { drops: change.drops.map(({ field }) => field) }) }
    default:
      return change
  }
}

function workOf({ options, changes }: Plan): string {
  return configHash({ options, changes: changes.map(lasting) })
}
