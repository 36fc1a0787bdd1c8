import { BREAKS_ALL, ChangeKind, type Difference, type Party } from './difference.ts'
import { type JsonSchema, SchemaDocument } from './json-schema.ts'

/** Compares two nodes and reports into the comparison; handed on, since schemas contain schemas. */
export type DiffNode = (comparison: Comparison, before: JsonSchema, after: JsonSchema, path: string) => void

/** Two schemas that are compared, and the differences found so far. */
export class Comparison {
  readonly before: SchemaDocument
  readonly after: SchemaDocument
  readonly differences: Difference[] = []
  readonly #compared = new Map<JsonSchema, Set<JsonSchema>>()

  constructor(before: JsonSchema, after: JsonSchema) {
    this.before = new SchemaDocument(before)
    this.after = new SchemaDocument(after)
  }

  report(path: string, kind: ChangeKind, before: unknown, after: unknown, breaks: readonly Party[]): void {
    // JSON has no undefined, and a field that is left out would look forgotten.
    this.differences.push({ path, kind, before: before ?? null, after: after ?? null, breaks })
  }

  /** What cannot be compared here is breaking. */
  reportUnjudged(path: string, before: unknown, after: unknown): void {
    this.report(path, ChangeKind.Unjudged, before, after, BREAKS_ALL)
  }

  /**
   * True the first time that these two nodes meet. A schema that contains itself comes back to where it was, and what
   * differs there is reported already.
   */
  isFirstMeeting(before: JsonSchema, after: JsonSchema): boolean {
    const left = this.before.identity(before)
    const right = this.after.identity(after)
    const met = this.#compared.get(left) ?? new Set()
    if (met.has(right)) return false
    this.#compared.set(left, met.add(right))
    return true
  }
}
