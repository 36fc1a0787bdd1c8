import type { Comparison } from './comparison.ts'
import { BREAKS_ALL, ChangeKind, NARROWS, WIDENS } from './difference.ts'
import type { JsonSchema } from './json-schema.ts'

interface Bound {
  readonly keyword: string
  readonly value: number
  readonly exclusive: boolean
}

/** The bounds of two numbers: lower, upper, and what they are a multiple of. */
export function diffNumber(comparison: Comparison, before: JsonSchema, after: JsonSchema, path: string): void {
  for (const side of ['min', 'max'] as const) {
    const old = strictest(before, side)
    const fresh = strictest(after, side)
    const change = compareBounds(old, fresh, side === 'min' ? 1 : -1)
    if (change === 0) continue
    const kind = change > 0 ? ChangeKind.BoundTightened : ChangeKind.BoundLoosened
    comparison.report(path, kind, describe(old), describe(fresh), change > 0 ? NARROWS : WIDENS)
  }
  diffMultiple(comparison, before['multipleOf'], after['multipleOf'], path)
}

/** Of `minimum` and `exclusiveMinimum` the one that leaves less; the same for the upper side. */
function strictest(node: JsonSchema, side: 'min' | 'max'): Bound | undefined {
  const inclusive = side === 'min' ? 'minimum' : 'maximum'
  const exclusive = side === 'min' ? 'exclusiveMinimum' : 'exclusiveMaximum'
  const sign = side === 'min' ? 1 : -1
  const bounds = [inclusive, exclusive]
    .filter((keyword) => typeof node[keyword] === 'number')
    .map((keyword): Bound => ({ keyword, value: node[keyword] as number, exclusive: keyword === exclusive }))
    .map((bound) => (node['type'] === 'integer' ? wholeBound(bound, inclusive, sign) : bound))
  return bounds.toSorted((a, b) => compareBounds(a, b, sign))[0]
}

/** Of whole numbers, those above 0 are those from 1. */
function wholeBound({ value, exclusive }: Bound, keyword: string, sign: 1 | -1): Bound {
  const within = sign * Math.ceil(sign * value)
  return { keyword, value: exclusive && within === value ? value + sign : within, exclusive: false }
}

/** Above 0: `after` leaves less than `before`; below 0: more. */
function compareBounds(before: Bound | undefined, after: Bound | undefined, sign: 1 | -1): number {
  if (!before || !after) return Number(after !== undefined) - Number(before !== undefined)
  if (before.value !== after.value) return sign * (after.value - before.value)
  return Number(after.exclusive) - Number(before.exclusive)
}

function describe(bound: Bound | undefined): unknown {
  return bound && { [bound.keyword]: bound.value }
}

/** Whether one step contains the other is certain for whole numbers only. */
function diffMultiple(comparison: Comparison, old: unknown, fresh: unknown, path: string): void {
  if (old === fresh) return
  const shown = [old === undefined ? old : { multipleOf: old }, fresh === undefined ? fresh : { multipleOf: fresh }]
  const report = (kind: ChangeKind, breaks = BREAKS_ALL): void =>
    comparison.report(path, kind, shown[0], shown[1], breaks)
  if (old === undefined) return report(ChangeKind.BoundTightened, NARROWS)
  if (fresh === undefined) return report(ChangeKind.BoundLoosened, WIDENS)
  if (!Number.isSafeInteger(old) || !Number.isSafeInteger(fresh)) return report(ChangeKind.BoundChanged)
  if ((fresh as number) % (old as number) === 0) return report(ChangeKind.BoundTightened, NARROWS)
  if ((old as number) % (fresh as number) === 0) return report(ChangeKind.BoundLoosened, WIDENS)
  report(ChangeKind.BoundChanged)
}
