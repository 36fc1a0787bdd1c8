const OTHERS: ReadonlySet<string> = new Set(['development', 'test'])

/**
 * Whether NODE_ENV means production, as the end of a sentence that says why: "with NODE_ENV=production".
 *
 * It fails closed. `development` and `test` are the only values that are not production, letter by letter: a misspelt one,
 * another stage's name and none at all are.
 *
 * @returns undefined where it is not production.
 */
export function productionBecause(nodeEnv: string | undefined): string | undefined {
  if (nodeEnv !== undefined && OTHERS.has(nodeEnv)) return undefined
  if (nodeEnv === 'production') return 'with NODE_ENV=production'
  const given = nodeEnv === undefined ? 'without NODE_ENV' : `with NODE_ENV=${JSON.stringify(nodeEnv.slice(0, 40))}`
  return `${given} (anything but development and test is production)`
}
