/** Secrets of the development set-up begin with it; they are in the repository, so anybody knows them. */
const PREFIX = 'dev-only'

export function isDevSecret(secret: string | undefined): boolean {
  return secret?.startsWith(PREFIX) ?? false
}
