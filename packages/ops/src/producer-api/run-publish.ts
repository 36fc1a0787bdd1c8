import { newCommand, readCommandLine, UsageError, wholeNumber } from '@alarm-bus/command-line'
import { type Channel, contracts } from '@alarm-bus/contracts'
import { fail } from '../plan/fail.ts'
import { type Terminal, terminal } from '../plan/terminal.ts'
import { askProducer, problemOf, PRODUCER_HELP } from './producer-api.ts'

const NOTES = `  pnpm ops publish alarm-to-bot '{"message":"disk is full"}'
  pnpm ops publish alarm-to-bot < message.json

The message is checked against its channel before it is sent. Exit code 0 when
it is stored, else 1.
${PRODUCER_HELP}`

/** The process's exit code: 0 when the message is stored, else 1. */
export async function runPublish(
  argv: readonly string[],
  to: Terminal = terminal,
  input: AsyncIterable<Uint8Array> = process.stdin,
): Promise<number> {
  const wantsJson = argv.includes('--json')
  try {
    const names = contracts.channels.map(({ name }) => name)
    const command = newCommand('pnpm ops publish', 'Publishes one message on a channel.', NOTES)
      .argument('<channel>', `one of: ${names.join(', ')}`)
      .argument('[message]', 'JSON; default: what comes on standard input')
      .option('--id <key>', 'the idempotency key: a message with a key that was used is not stored again')
      .option('--ttl <seconds>', 'removed from the stream after so long', wholeNumber(1))
      .option('--json', 'the receipt as a JSON document')
      .option('--wait-ms <n>', 'waits this long for the answer', wholeNumber(1), 30_000)
    const help = readCommandLine(command, argv.length === 0 ? ['--help'] : argv)
    if (help !== undefined) {
      to.say(help)
      return 0
    }
    const [name, text] = command.processedArgs
    const { id, ttl, waitMs } = command.opts()
    const channel = contracts.channels.find((known) => known.name === name)
    if (!channel) throw new UsageError(`unknown channel ${JSON.stringify(name)}; expected one of: ${names.join(', ')}`)
    const body = checked(channel, text ?? (await read(input, channel.maxMessageBytes)))
    const query = ttl === undefined ? '' : `?ttlSeconds=${ttl}`
    const answer = await askProducer(to.environment, `/channels/${name}/messages${query}`, {
      method: 'POST',
      timeoutMs: waitMs,
      headers: { 'content-type': 'application/json', ...(id !== undefined && { 'idempotency-key': id }) },
      body,
    })
    if (answer.status !== 202) throw new Error(problemOf(answer))
    to.say(wantsJson ? JSON.stringify(answer.body, null, 2) : described(answer.body))
    return 0
  } catch (error) {
    return fail(to, 'publish', error, wantsJson ? {} : undefined)
  }
}

function described({ id, stream, seq, duplicate }: Readonly<Record<string, unknown>>): string {
  const known = duplicate === true ? ', which was stored before' : ''
  return `stored as ${String(stream)} #${String(seq)}${known}; \`pnpm ops message ${String(id)}\` shows what became of it`
}

/** The text, when it is a message of the channel. */
function checked(channel: Channel, text: string): string {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new UsageError(`the message is not JSON: ${(error as Error).message}`, { cause: error })
  }
  const { error } = channel.schema.safeParse(value)
  if (!error) return text
  const issues = error.issues.map(({ path, message }) =>
    path.length === 0 ? message : `${path.join('.')}: ${message}`,
  )
  throw new UsageError(`no message of ${channel.name}: ${issues.join('; ')}`)
}

async function read(input: AsyncIterable<Uint8Array>, maxBytes: number): Promise<string> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of input) {
    bytes += chunk.byteLength
    if (bytes > maxBytes) throw new UsageError(`the message is larger than ${maxBytes} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}
