import { readEnvironment } from '../config.ts'
import { lookForApply } from './apply-lock.ts'
import { describePlan, summaryOf } from './describe-plan.ts'
import { fail } from './fail.ts'
import { readPlanFlags } from './flags.ts'
import { writePlan } from './plan-file.ts'
import { modeOf, replicasOf } from './plan.ts'
import { openSession } from './session.ts'
import { type Terminal, terminal } from './terminal.ts'

/** There are changes to be made. */
const CHANGES = 2

/** The process's exit code: 0 when there is nothing to do, 2 when there is, 1 when something failed. */
export async function runPlan(argv: readonly string[], to: Terminal = terminal): Promise<number> {
  try {
    const flags = readPlanFlags(argv)
    if (typeof flags === 'string') {
      to.say(flags)
      return 0
    }
    const { streamsOnly, destroy } = flags
    const config = readEnvironment(to.environment)
    await using session = await openSession(config, flags.waitMs, to)
    using look = lookForApply(session.admin.connection.client)
    const { plan } = await session.make({ streamsOnly, destroy, ...modeOf(flags), ...replicasOf(config) })
    const other = look.found()
    if (other !== undefined)
      to.complain(`ops plan: an apply is at work (${other}); what it has half done is part of this plan`)
    if (flags.out !== undefined) writePlan(flags.out, plan)
    if (flags.json) to.say(JSON.stringify(plan, null, 2))
    else {
      const next = `\`pnpm ops apply${flags.out === undefined ? '' : ` ${flags.out}`}\` does it`
      for (const line of describePlan(plan)) to.say(line)
      to.say(plan.changes.length === 0 ? summaryOf(plan) : `${summaryOf(plan)}; nothing was changed, ${next}`)
    }
    return plan.changes.length === 0 ? 0 : CHANGES
  } catch (error) {
    return fail(to, 'plan', error, argv.includes('--json') ? {} : undefined)
  }
}
