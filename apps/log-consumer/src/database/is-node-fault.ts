import { DatabaseError } from 'pg'
import { isRowFault } from './is-row-fault.ts'

/** Read-only; connections (08), resources (53), the operator's intervention (57P), its system (58, F0), its inside (XX). */
const NODE = /^(25006|08|53|57P|58|F0|XX)/

/**
 * Whether an error of the Postgres driver speaks of the node or of the way to it, so that another connection may fare
 * better: it reaches another node, or the same one when it is well. Whatever has no SQLSTATE comes from the driver: cut,
 * not reached, no answer in time.
 */
export function isNodeFault(error: unknown): boolean {
  if (error instanceof DatabaseError) return NODE.test(error.code ?? '')
  return !isRowFault(error)
}
