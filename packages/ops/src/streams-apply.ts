import { contracts } from '@alarm-bus/contracts'
import { KitError, type Logger } from '@alarm-bus/nats-kit'
import { type AppliedStream, applyStreams } from './apply-streams.ts'
import { readEnvironment, readFlags, UsageError } from './config.ts'
import { describeApplied } from './describe-applied.ts'

const HELP = `Makes the broker's streams what the contracts declare. Never deletes.

  --dry-run      shows what would be done and changes nothing
  --create-only  creates what is missing; a stream that differs is an error
  --json         one JSON document in place of lines
  --wait-ms N    waits this long for the broker, in milliseconds (default 30000)

Environment: NATS_SERVERS (default the broker on this machine, NATS_PORT), NATS_ADMIN_USER, NATS_ADMIN_PASSWORD or
NATS_ADMIN_NKEY_SEED, NATS_TLS_CA_FILE, NATS_TLS_CERT_FILE, NATS_TLS_KEY_FILE, NATS_TLS_HANDSHAKE_FIRST, STREAM_REPLICAS.
`

/** Waiting for the broker is said on standard error; standard output is for the result. */
const logger: Logger = {
  debug() {},
  info() {},
  warn: (fields, message) => console.error(`${message}: ${(fields as { error?: unknown }).error ?? ''}`),
  error() {},
}

/** The process's exit code: 0 when the streams are as declared (or a dry run found nothing in the way), else 1. */
async function main(argv: readonly string[]): Promise<number> {
  const wantsJson = argv.includes('--json')
  const applied: AppliedStream[] = []
  try {
    const flags = readFlags(argv)
    if (flags.help) {
      console.log(HELP.trimEnd())
      return 0
    }
    const { json, dryRun } = flags
    await applyStreams({
      ...readEnvironment(process.env),
      streams: contracts.streams,
      mode: flags.createOnly ? 'create' : 'apply',
      dryRun,
      waitMs: flags.waitMs,
      logger,
      onApplied(stream) {
        applied.push(stream)
        if (!json) for (const line of describeApplied(stream, dryRun)) console.log(line)
      },
    })
    if (json) console.log(JSON.stringify({ dryRun, streams: applied }, null, 2))
    else if (applied.every(({ action }) => action === 'none')) console.log('nothing to do: every stream is as declared')
    return applied.some(({ action }) => action === 'refused') ? 1 : 0
  } catch (error) {
    const { message } = error as Error
    // What was done before the failure stays done, so it is part of the answer.
    if (wantsJson) console.log(JSON.stringify({ error: { code: codeOf(error), message }, streams: applied }, null, 2))
    console.error(`streams:apply: ${message}`)
    return 1
  }
}

function codeOf(error: unknown): string {
  return error instanceof UsageError ? 'usage' : KitError.from(error).code
}

process.exitCode = await main(process.argv.slice(2))
