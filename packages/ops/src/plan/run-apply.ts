import { readEnvironment } from '../config.ts'
import { ApplyLock } from './apply-lock.ts'
import { applyPlan, checkConfirmed } from './apply-plan.ts'
import { describeDone, describePlan, summaryOf } from './describe-plan.ts'
import { fail } from './fail.ts'
import { type ApplyFlags, readApplyFlags } from './flags.ts'
import { onInterrupt } from './interrupts.ts'
import { Patience } from './patience.ts'
import { type Change, modeOf, nameOf, type Plan, replicasOf } from './plan.ts'
import { PlanError } from './plan-error.ts'
import { readPlan } from './plan-file.ts'
import { sameWork } from './plan-seal.ts'
import { openSession } from './session.ts'
import { type Terminal, terminal } from './terminal.ts'

/** The process's exit code: 0 when the broker is as the plan says, 1 when something failed. */
export async function runApply(argv: readonly string[], to: Terminal = terminal): Promise<number> {
  const applied: (Change & { readonly said?: string })[] = []
  try {
    const flags = readApplyFlags(argv)
    if (typeof flags === 'string') {
      to.say(flags)
      return 0
    }
    const { json, streamsOnly, destroy } = flags
    const given = flags.file === undefined ? undefined : readPlan(flags.file)
    const config = readEnvironment(to.environment)
    const options = given?.options ?? { streamsOnly, destroy, ...modeOf(flags), ...replicasOf(config) }
    await using session = await openSession(config, flags.waitMs, to)
    const interrupt = new AbortController()
    using lock = new ApplyLock(session.admin.connection.client, {
      onWait: (other) => to.complain(`ops apply: waiting for another apply (${other})`),
      onLost(other) {
        to.complain(`ops apply: another apply began before this one (${other}); this one stops`)
        interrupt.abort()
      },
      onDenied: (why) => to.complain(`ops apply: another apply would not be noticed; renew nats.admin.conf (${why})`),
    })
    await lock.acquire(flags.waitMs)
    const shown = given ?? (await session.make(options)).plan
    if (!given) {
      if (!json) for (const line of describePlan(shown)) to.say(line)
      checkConfirmed(shown, flags)
      if (shown.changes.length > 0) await confirm(shown, flags, to)
    }
    // Made again, so that what is done is what was shown and nothing else; and what was confirmed is what is done.
    const { plan, declared, observed } = await session.make(options)
    if (!sameWork(plan, shown)) throw changedSince(shown, plan)
    checkConfirmed(plan, flags)
    using _signals = onInterrupt((signal) => {
      to.complain(
        `ops apply: ${signal}: putting back what is half done; a second signal ends it at once, and the next \`pnpm ops apply\` goes on`,
      )
      interrupt.abort()
    })
    const patience = new Patience(flags.settleMs, interrupt.signal)
    await applyPlan(session, plan, declared, observed, patience, (change, said) => {
      applied.push({ ...change, ...(said !== undefined && { said }) })
      if (!json) to.say(describeDone(change, said))
    })
    if (json) to.say(JSON.stringify({ applied, notes: plan.notes }, null, 2))
    else if (applied.length === 0) to.say(summaryOf(plan))
    return 0
  } catch (error) {
    // What was done before the failure stays done, so it is part of the answer.
    return fail(to, 'apply', error, argv.includes('--json') ? { applied } : undefined)
  }
}

async function confirm(plan: Plan, { yes, json }: ApplyFlags, { ask }: Terminal): Promise<void> {
  if (yes) return
  const refused = (why: string): PlanError => new PlanError('not_confirmed', `${why}; nothing was changed`)
  if (json || !ask) throw refused('give --yes, or the file of a plan that was reviewed')
  const answer = await ask(`${summaryOf(plan)}. Type "yes" to do it: `)
  if (answer.trim() !== 'yes') throw refused('not confirmed')
}

function changedSince(before: Plan, now: Plan): PlanError {
  if (before.fingerprint === now.fingerprint) {
    const message = 'the plan does not say what it was made for; make a new one with `pnpm ops plan`; nothing was done'
    return new PlanError('plan_edited', message)
  }
  const said = new Set(before.changes.map((change) => JSON.stringify(change)))
  const others = now.changes.filter((change) => !said.has(JSON.stringify(change))).map(nameOf)
  const what = others.length === 0 ? '' : ` (${others.join(', ')})`
  return new PlanError(
    'broker_changed',
    `the broker or the code has changed since the plan was made${what}; make a new one with \`pnpm ops plan\`; nothing was done`,
  )
}
