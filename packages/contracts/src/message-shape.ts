import { z } from 'zod'
import { assertComparable } from './assert-comparable.ts'
import { ContractError } from './contract-error.ts'
import { toJsonSchema } from './to-json-schema.ts'

/** What messages look like: of a channel, or one direction of a request. */
export interface MessageShape<Schema extends z.ZodType = z.ZodType> {
  readonly schema: Schema
  /** The schema as JSON Schema (draft 2020-12), for documents and for people. */
  readonly jsonSchema: Readonly<Record<string, unknown>>
}

/**
 * A schema whose messages survive JSON unchanged, and of which each release can be compared with the last one.
 *
 * @param what it belongs to, for the error: `channel "alarm-to-bot"`.
 * @throws ContractError naming it and the place.
 */
export function shapeOf<Schema extends z.ZodType>(
  what: string,
  schema: Schema,
  allowUnseenRules: boolean,
): MessageShape<Schema> {
  assertComparable(what, schema, allowUnseenRules)
  try {
    z.toJSONSchema(schema, { io: 'output', unrepresentable: 'throw' })
    return { schema, jsonSchema: toJsonSchema(schema) }
  } catch (cause) {
    throw new ContractError(
      `${what}: the schema cannot be carried as JSON (${(cause as Error).message}); use strings, numbers, booleans, arrays and objects`,
      { cause },
    )
  }
}
