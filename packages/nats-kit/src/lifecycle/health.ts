/** One thing that has to be well for the app to do its work. */
export interface HealthCheck {
  /** `connection`, `stream:<name>`, `consumer:<name>`. */
  readonly name: string
  readonly ok: boolean
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
