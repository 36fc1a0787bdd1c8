import { makeApiKey } from './make-api-key.ts'

const HELP = `A key for a client of the producer's API.

  pnpm ops api-key <client> [<channel> …]

Prints a new key, once, and the client's entry for the file that PRODUCER_API_KEYS_FILE names; it holds the key's hash
alone. Without channels the client may publish on all of them. For another key of a client that is there, add the hash to
its keyHashes, start the producers anew, and take the old hash out once nobody uses the old key.

  <client>   1 to 40 small letters, digits and "-"`

/** The process's exit code: 0 when a key was printed, 1 when not. The key is stored nowhere. */
export async function runApiKey(argv: readonly string[]): Promise<number> {
  const [name = '', ...channels] = argv
  if (name === '--help' || name === '') {
    console.log(HELP)
    return 0
  }
  const odd = argv.find((word) => !/^[a-z0-9-]{1,40}$/.test(word) || word.startsWith('--'))
  if (odd !== undefined) {
    console.error(`ops api-key: ${JSON.stringify(odd)} is no name: 1 to 40 small letters, digits and "-"`)
    return 1
  }
  const { key, client } = makeApiKey(name, channels)
  console.log(`key, to be seen only now:\n  ${key}\n\nclient, for "clients" in the file:\n  ${JSON.stringify(client)}`)
  return 0
}
