/** One thing that has to be well for the app to do its work. */
export interface HealthCheck {
  /** `connection`, `streams:<names>`, `consumer:<name>`; while it is on, `watchdog:<condition>` with its consumer. */
  readonly name: string
  readonly ok: boolean
  /** Something is not as it should be, and the app does its work all the same: `ok` is true then. */
  readonly warning?: true
  /** Why it is not well, or what it is doing. */
  readonly detail: string
}

export interface Health {
  /** Whether every check is well. */
  readonly ready: boolean
  readonly checks: readonly HealthCheck[]
}

export function healthOf(checks: readonly HealthCheck[]): Health {
  return { ready: checks.length > 0 && checks.every((check) => check.ok), checks }
}
