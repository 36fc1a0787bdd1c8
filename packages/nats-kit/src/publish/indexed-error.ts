import { KitError } from '../errors.ts'

/** An error about one message of several: the text names its index, from 0, and so do the paths of its issues. */
export function indexedError(error: unknown, index: number): KitError {
  const known = KitError.from(error)
  return new KitError(known.code, `message ${index}: ${known.message}`, {
    cause: known.cause ?? known,
    issues: known.issues.map((issue) => ({ ...issue, path: `/${index}${issue.path}` })),
    ...(known.brokerCode === undefined ? {} : { brokerCode: known.brokerCode }),
  })
}
