/** The check could not be made: a flag, a file or a snapshot cannot be used. The message says what to do. */
export class CheckError extends Error {
  override readonly name = 'CheckError'
}
