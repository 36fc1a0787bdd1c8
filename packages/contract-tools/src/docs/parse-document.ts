import asyncApi from '@asyncapi/parser'
import type { JsonObject } from './json-schema.ts'

/** One thing that the parser finds wrong, with its place in the document. */
export class InvalidDocument extends Error {
  override readonly name = 'InvalidDocument'
}

/** 0 is an error, 1 a warning; the rest is advice, such as that a later version of the format is there. */
const WARNING = 1

/**
 * The document as AsyncAPI's own parser reads it.
 *
 * @throws InvalidDocument with every error and warning.
 */
export async function parseDocument(document: JsonObject) {
  const { Parser } = asyncApi
  const result = await new Parser().parse(structuredClone(document) as never)
  const wrong = result.diagnostics.filter(({ severity }) => severity <= WARNING)
  if (wrong.length > 0 || !result.document) {
    const lines = wrong.map(({ path, message }) => `${path.join('.') || 'document'}: ${message}`)
    throw new InvalidDocument(`the AsyncAPI document is not valid:\n${lines.join('\n')}`)
  }
  return result.document
}
