import type { Comparison, DiffNode } from './comparison.ts'
import { diffSizes } from './diff-sizes.ts'
import { BREAKS_ALL, ChangeKind, NARROWS, WIDENS } from './difference.ts'
import { asSchema, type JsonSchema } from './json-schema.ts'

/** Lists and tuples: how many, which, and each item. */
export function diffArray(
  comparison: Comparison,
  before: JsonSchema,
  after: JsonSchema,
  path: string,
  diffNode: DiffNode,
): void {
  diffSizes(comparison, before, after, path, ['minItems', 'maxItems'])
  const [wasUnique, isUnique] = [before['uniqueItems'] === true, after['uniqueItems'] === true]
  if (isUnique && !wasUnique) {
    comparison.report(path, ChangeKind.BoundTightened, undefined, { uniqueItems: true }, NARROWS)
  } else if (wasUnique && !isUnique) {
    comparison.report(path, ChangeKind.BoundLoosened, { uniqueItems: true }, undefined, WIDENS)
  }
  const places = (before['prefixItems'] ?? []) as readonly unknown[]
  const newPlaces = (after['prefixItems'] ?? []) as readonly unknown[]
  if (places.length !== newPlaces.length) {
    comparison.report(path, ChangeKind.TupleChanged, places.length, newPlaces.length, BREAKS_ALL)
    return
  }
  places.forEach((place, index) => {
    diffNode(comparison, asSchema(place), asSchema(newPlaces[index]), `${path}/${index}`)
  })
  diffNode(comparison, asSchema(before['items']), asSchema(after['items']), `${path}/[]`)
}
