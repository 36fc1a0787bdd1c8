/** One thing that is wrong with a message, and where: `path` is a JSON pointer, `''` for the message itself. */
export interface MessageIssue {
  readonly path: string
  readonly code: string
  readonly message: string
}

/** A JSON pointer escapes `~` and `/` (RFC 6901); a hostile key is cut so that it cannot grow an answer. */
export function pointerToken(key: string): string {
  return key.slice(0, 128).replaceAll('~', '~0').replaceAll('/', '~1')
}
