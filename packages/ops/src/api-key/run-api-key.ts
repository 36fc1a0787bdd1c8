import { newCommand, readCommandLine, UsageError } from '@alarm-bus/command-line'
import { contracts } from '@alarm-bus/contracts'
import type { Output } from '../output.ts'
import { makeApiKey } from './make-api-key.ts'

const NOTES = `Prints a new key, once, and the client's entry for the file that
PRODUCER_API_KEYS_FILE names; it holds the key's hash alone. To rotate the key
of a client, add the new hash to its keyHashes, restart the producers, and
remove the old hash once the old key is out of use.`

/** The process's exit code: 0 when a key was printed, 1 when not. The key is stored nowhere. */
export async function runApiKey(argv: readonly string[], output: Output = console): Promise<number> {
  try {
    const command = newCommand('pnpm ops api-key', "A key for a client of the producer's API.", NOTES)
      .argument('[client]', '1 to 40 small letters, digits and "-"')
      .argument('[channels...]', 'what the client may publish on')
      .option('--all', 'in place of channels: every channel, those of later releases among them')
    const help = readCommandLine(command, argv.length === 0 ? ['--help'] : argv)
    if (help !== undefined) {
      output.log(help)
      return 0
    }
    const [name, named] = command.processedArgs
    const { key, client } = makeApiKey(clientName(name), channelsOf(named, command.opts().all ?? false))
    const entry = JSON.stringify(client)
    output.log(`key, to be seen only now:\n  ${key}\n\nclient, for "clients" in the file:\n  ${entry}`)
    return 0
  } catch (error) {
    output.error(`ops api-key: ${(error as Error).message}`)
    return 1
  }
}

function clientName(name: string | undefined): string {
  if (name !== undefined && /^[a-z0-9-]{1,40}$/.test(name)) return name
  const given = name === undefined ? 'the client name is missing' : `${JSON.stringify(name)} is not a valid client name`
  throw new UsageError(`${given}: 1 to 40 small letters, digits and "-"`)
}

/** What was not asked for is not granted: a key for everything has to be asked for. */
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
