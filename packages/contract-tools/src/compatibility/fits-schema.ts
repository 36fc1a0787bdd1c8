import { z } from 'zod'
import type { JsonSchema, SchemaDocument } from './json-schema.ts'

/** Whether one value is certainly valid for a node. What zod cannot read back means what only its author knows. */
export function fitsSchema(document: SchemaDocument, node: JsonSchema, value: unknown): boolean {
  if (/"(format|\$ref|x-(url|jwt|pattern|unseen)[a-z-]*)":/.test(JSON.stringify(node))) return false
  const { $defs } = document.root
  try {
    const schema = z.fromJSONSchema({ ...node, ...($defs === undefined ? {} : { $defs }) } as never)
    return schema.safeParse(value).success
  } catch {
    return false
  }
}
