const PROBES: ReadonlySet<string | undefined> = new Set(['/livez', '/readyz', '/metrics'])

/** Whether machines ask a route every few seconds: it would be most of what is traced and timed. */
export function isProbe(route: string | undefined): boolean {
  return PROBES.has(route)
}
