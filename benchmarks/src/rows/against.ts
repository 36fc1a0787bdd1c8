import type { Goal, Row } from './row.ts'

/** What a change may cost: a row below is slower, or takes more, than what the other checkout does. */
const NO_WORSE_THAN = 0.97

/** The row with two contenders, the kit of this checkout and the kit of another. */
export function againstBefore(row: Row): Row {
  return { ...row, contenders: ['kit', 'before'], goal: noWorse(row.goal) }
}

function noWorse(goal: Goal): Goal {
  if (goal.kind === 'rate') return { ...goal, atLeast: NO_WORSE_THAN, orSaturated: false }
  if (goal.kind === 'requests')
    return { ...goal, rateAtLeast: NO_WORSE_THAN, p50AtMost: Number((1 / NO_WORSE_THAN).toFixed(2)) }
  return { ...goal, atMost: Number((1 / NO_WORSE_THAN).toFixed(2)) }
}
