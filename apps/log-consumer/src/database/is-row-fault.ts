/** Postgres: data that cannot be, a broken constraint, a limit of the program, an error that a trigger raised. */
const POSTGRES_CLASSES = new Set(['22', '23', '54', 'P0'])
/** SQLite: too big, a constraint or a trigger, a mismatch of types. */
const SQLITE_CODES = new Set([18, 19, 20])

/**
 * Whether what failed is the fault of a row, so that its neighbours may fare better without it. Anything else is the
 * database's trouble: away, full, locked, without its tables. Then every row would fail, and waiting is right.
 */
export function isRowFault(error: unknown): boolean {
  if (error instanceof TypeError || error instanceof RangeError) return true
  if (!(error instanceof Error)) return false
  const { code, errcode } = error as { readonly code?: unknown; readonly errcode?: unknown }
  if (code === 'ERR_SQLITE_ERROR') return typeof errcode === 'number' && SQLITE_CODES.has(errcode & 0xff)
  return typeof code === 'string' && code.length === 5 && POSTGRES_CLASSES.has(code.slice(0, 2))
}
