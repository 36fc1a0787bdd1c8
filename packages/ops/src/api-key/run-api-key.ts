import { contracts } from '@alarm-bus/contracts'
import { UsageError } from '../config.ts'
import { HELP_FLAG, parseFlags } from '../parse-flags.ts'
import type { Output } from '../output.ts'
import { makeApiKey } from './make-api-key.ts'

const HELP = `A key for a client of the producer's API.

  pnpm ops api-key <client> <channel> …
  pnpm ops api-key <client> --all

Prints a new key, once, and the client's entry for the file that
PRODUCER_API_KEYS_FILE names; it holds the key's hash alone. For another key of
an existing client, add the hash to its keyHashes, restart the producers,
and remove the old hash once the old key is no longer used.

  <client>   1 to 40 small letters, digits and "-"
  <channel>  what the client may publish on
  --all      in place of channels: every channel, those of later releases among
             them`

/** The process's exit code: 0 when a key was printed, 1 when not. The key is stored nowhere. */
export async function runApiKey(argv: readonly string[], output: Output = console): Promise<number> {
  try {
    const { values, positionals } = parse(argv)
    if (values.help || argv.length === 0) {
      output.log(HELP)
      return 0
    }
    const [name, ...named] = positionals
    const { key, client } = makeApiKey(clientName(name), channelsOf(named, values.all))
    const entry = JSON.stringify(client)
    output.log(`key, shown once:\n  ${key}\n\nclient, for "clients" in the file:\n  ${entry}`)
    return 0
  } catch (error) {
    output.error(`ops api-key: ${(error as Error).message}`)
    return 1
  }
}

function parse(argv: readonly string[]) {
  const options = { all: { type: 'boolean', default: false }, help: HELP_FLAG } as const
  return parseFlags(argv, options, true)
}

function clientName(name: string | undefined): string {
  if (name !== undefined && /^[a-z0-9-]{1,40}$/.test(name)) return name
  const given = name === undefined ? 'the client name is missing' : `${JSON.stringify(name)} is not a valid client name`
  throw new UsageError(`${given}: 1 to 40 small letters, digits and "-"`)
}

/** What nobody said is not granted: a key for everything has to be asked for. */
function channelsOf(named: readonly string[], all: boolean): readonly string[] | '*' {
  const known: readonly string[] = contracts.channels.map(({ name }) => name)
  const choice = `name channels (${known.join(', ')}), or --all for every one`
  if (all && named.length > 0)
    throw new UsageError(`--all stands in place of channels, not beside ${named.join(', ')}: ${choice}`)
  if (all) return '*'
  if (named.length === 0) throw new UsageError(`the key would grant nothing: ${choice}`)
  const odd = named.find((name) => !known.includes(name))
  if (odd !== undefined) throw new UsageError(`unknown channel ${JSON.stringify(odd)}: ${choice}`)
  return [...new Set(named)]
}
