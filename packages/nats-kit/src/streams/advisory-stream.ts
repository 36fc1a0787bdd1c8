/**
 * What kits before 1.0 kept beside each stream: the server's advisories about messages that it stopped delivering. Since
 * the server gives up nothing any more, nothing reads them but `pnpm ops apply`, which makes dead letters of what one
 * still holds and then removes it.
 */
export function advisoryStreamName(stream: string): string {
  return `${stream}_ADVISORIES`
}
