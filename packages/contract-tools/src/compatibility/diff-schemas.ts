import { Comparison } from './comparison.ts'
import { diffNode } from './diff-node.ts'
import type { Difference } from './difference.ts'
import type { JsonSchema } from './json-schema.ts'

/**
 * Every difference between two schemas of a channel, as zod writes their input side, and whom it breaks.
 *
 * Messages are what the bus lets through: a publisher may send no field that the schema does not know, and a field with a
 * default is filled in before it is sent; a consumer passes over what it does not know. What cannot be judged, such as
 * one pattern in place of another, breaks everybody: nothing unknown is called compatible.
 */
export function diffSchemas(before: JsonSchema, after: JsonSchema): readonly Difference[] {
  const comparison = new Comparison(before, after)
  diffNode(comparison, before, after, '')
  return comparison.differences
}
