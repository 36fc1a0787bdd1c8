/**
 * - `broker_changed`: the broker, or the code, is not what the plan was made for.
 * - `plan_edited`: the plan's file does not say what was written to it.
 * - `not_confirmed`: something would be destroyed, or anything be changed, that nobody said yes to.
 * - `blocked`: part of the plan cannot be done; nothing of it was.
 */
export type PlanErrorCode = 'broker_changed' | 'plan_edited' | 'not_confirmed' | 'blocked'

/** Why a plan is not applied. Nothing was changed. */
export class PlanError extends Error {
  override readonly name = 'PlanError'
  readonly code: PlanErrorCode

  constructor(code: PlanErrorCode, message: string) {
    super(message)
    this.code = code
  }
}
