import { contracts } from '@alarm-bus/contracts'
import { withCompanions } from '@alarm-bus/nats-kit/admin'
import { readApps } from '../apps/read-apps.ts'
import { readEnvironment, UsageError } from '../config.ts'
import { HELP_FLAG, parseFlags } from '../parse-flags.ts'
import { fail } from '../plan/fail.ts'
import { observe } from '../plan/observe.ts'
import { openSession } from '../plan/session.ts'
import { type Terminal, terminal } from '../plan/terminal.ts'
import { untilAnswered } from '../until-answered.ts'
import { describeStatus } from './describe-status.ts'
import { countDeadLetters, statusOf } from './read-status.ts'

const HELP = `What is on the bus, on one screen: streams, consumers and who runs, dead
letters, and what is wrong now. Changes nothing.

  pnpm ops status

  --json          one JSON document in place of tables
  --wait-ms N     waits this long for the broker, in milliseconds (default
                  30000)

Exit code 0 when nothing is wrong, 2 when something is, 1 when the broker could
not be asked. Environment: as \`pnpm ops plan\`.`

/** The process's exit code: 0 when nothing is wrong, 2 when something is, 1 when it cannot be told. */
export async function runStatus(argv: readonly string[], to: Terminal = terminal): Promise<number> {
  try {
    const flags = readFlags(argv)
    if (flags.help) {
      to.say(HELP)
      return 0
    }
    const deadline = performance.now() + flags.waitMs
    await using session = await openSession(readEnvironment(to.environment), flags.waitMs, to)
    const apps = await readApps()
    const streams = contracts.streams.flatMap((stream) => withCompanions(stream)).map(({ name }) => name)
    const { connection, manager } = session.admin
    const observed = await untilAnswered(deadline, () => observe(connection.client, streams))
    const letters = await countDeadLetters(manager, contracts, observed)
    const status = statusOf(contracts, apps, observed, letters)
    if (flags.json) to.say(JSON.stringify(status, null, 2))
    else for (const line of describeStatus(status, to.hasColors ?? false)) to.say(line)
    return status.problems.length === 0 ? 0 : 2
  } catch (error) {
    return fail(to, 'status', error, argv.includes('--json') ? {} : undefined)
  }
}

function readFlags(argv: readonly string[]) {
  const options = { json: { type: 'boolean' }, help: HELP_FLAG, 'wait-ms': { type: 'string' } } as const
  const { values } = parseFlags(argv, options)
  const waitMs = values['wait-ms'] ?? '30000'
  if (!/^\d{1,9}$/.test(waitMs))
    throw new UsageError(`--wait-ms must be a whole number of milliseconds, not ${JSON.stringify(waitMs)}`)
  return { json: values.json ?? false, help: values.help ?? false, waitMs: Number(waitMs) }
}
