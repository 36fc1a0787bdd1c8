/** Cases that fail together, and what they were seen to violate. */
export interface Narrowed<Case, Found> {
  readonly cases: readonly Case[]
  readonly found: readonly Found[]
}

/** No further halving after this: each failing half takes as long as a deadline. */
const GIVE_UP_AFTER_MS = 60_000

/**
 * Halves a list of cases that failed for as long as a half still fails: one case, where one is enough.
 *
 * @returns undefined where nothing fails any more.
 */
export async function narrow<Case, Found>(
  cases: readonly Case[],
  violationsOf: (cases: readonly Case[]) => Promise<readonly Found[]>,
): Promise<Narrowed<Case, Found> | undefined> {
  let narrowed: Narrowed<Case, Found> | undefined
  let rest = cases
  const endsAt = performance.now() + GIVE_UP_AFTER_MS
  while (performance.now() < endsAt) {
    const middle = Math.ceil(rest.length / 2)
    const halves = rest.length > 1 ? [rest.slice(0, middle), rest.slice(middle)] : [rest]
    const failed = await firstFailing(halves, violationsOf)
    if (!failed) break
    narrowed = failed
    rest = failed.cases
    if (rest.length === 1) break
  }
  return narrowed
}

async function firstFailing<Case, Found>(
  halves: readonly (readonly Case[])[],
  violationsOf: (cases: readonly Case[]) => Promise<readonly Found[]>,
): Promise<Narrowed<Case, Found> | undefined> {
  for (const cases of halves) {
    const found = await violationsOf(cases)
    if (found.length > 0) return { cases, found }
  }
  return undefined
}
