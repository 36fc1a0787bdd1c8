/**
 * Nothing was changed:
 * - `broker_changed`: the broker, or the code, is not what the plan was made for.
 * - `plan_edited`: the plan's file does not say what was written to it.
 * - `not_confirmed`: something would be destroyed, or anything be changed, that was not confirmed.
 * - `blocked`: part of the plan cannot be done; nothing of it was.
 * - `apply_running`: another `apply` is at work.
 *
 * Changes that came before it are done:
 * - `not_settled`: what it waits for did not come in time; it was left, or put back, as it was.
 * - `interrupted`: it was ended by a signal, and what it had begun was put back.
 * - `unfinished`: it is done in part; the next run goes on with it.
 */
export type PlanErrorCode =
  | 'broker_changed'
  | 'plan_edited'
  | 'not_confirmed'
  | 'blocked'
  | 'apply_running'
  | 'not_settled'
  | 'interrupted'
  | 'unfinished'

/** Why a plan, or one change of it, is not applied. */
export class PlanError extends Error {
  override readonly name = 'PlanError'
  readonly code: PlanErrorCode

  constructor(code: PlanErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
