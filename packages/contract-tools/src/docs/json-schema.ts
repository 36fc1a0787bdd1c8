import { toJsonSchema } from '@alarm-bus/contracts'
import type { z } from 'zod'

export type JsonObject = { readonly [key: string]: unknown }

/** A channel, or a part of a request under a name of its own. */
export interface NamedSchema {
  readonly name: string
  readonly schema: z.ZodType
}

/**
 * A channel's schema as AsyncAPI's own dialect (draft-07), under names that are unique in the whole document: what a
 * schema defines beside itself, or says of itself again, is looked up from the document's root.
 */
export function documentSchemas(channel: NamedSchema): Readonly<Record<string, JsonObject>> {
  const { $schema: _, definitions, ...root } = toJsonSchema(channel.schema, 'draft-7')
  const defined = Object.entries((definitions ?? {}) as Readonly<Record<string, unknown>>)
  const schemas = [[schemaName(channel), root], ...defined.map(([name, one]) => [schemaName(channel, name), one])]
  return Object.fromEntries(schemas.map(([name, one]) => [name, withDocumentRefs(channel, one)]))
}

/** Where the channel's schema stands in the document's components. */
export function schemaName(channel: NamedSchema, definition?: string): string {
  // A component's name takes letters, digits, ".", "-" and "_".
  return definition === undefined ? channel.name : `${channel.name}.${definition.replaceAll(/[^\w.-]/g, '_')}`
}

function withDocumentRefs(channel: NamedSchema, node: unknown): unknown {
  if (Array.isArray(node)) return node.map((one) => withDocumentRefs(channel, one))
  if (typeof node !== 'object' || node === null) return node
  return Object.fromEntries(
    Object.entries(node).map(([key, value]) =>
      key === '$ref' && typeof value === 'string'
        ? [key, documentRef(channel, value)]
        : [key, withDocumentRefs(channel, value)],
    ),
  )
}

function documentRef(channel: NamedSchema, ref: string): string {
  const definition = ref === '#' ? undefined : ref.replace('#/definitions/', '')
  return `#/components/schemas/${schemaName(channel, definition)}`
}
