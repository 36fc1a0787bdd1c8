import { newCommand, readCommandLine, wholeNumber } from '@alarm-bus/command-line'
import { contracts } from '@alarm-bus/contracts'
import { withCompanions } from '@alarm-bus/nats-kit/admin'
import { readApps } from '../apps/read-apps.ts'
import { readEnvironment } from '../config.ts'
import { ENVIRONMENT_HELP } from '../environment-help.ts'
import { fail } from '../plan/fail.ts'
import { observe } from '../plan/observe.ts'
import { openSession } from '../plan/session.ts'
import { type Terminal, terminal } from '../plan/terminal.ts'
import { untilAnswered } from '../until-answered.ts'
import { describeStatus } from './describe-status.ts'
import { countDeadLetters, statusOf } from './read-status.ts'

const NOTES = `Exit code 0 when nothing is wrong, 2 when something is, 1 when the broker could
not be asked.
${ENVIRONMENT_HELP}`

/** The process's exit code: 0 when nothing is wrong, 2 when something is, 1 when it cannot be told. */
export async function runStatus(argv: readonly string[], to: Terminal = terminal): Promise<number> {
  try {
    const command = newCommand(
      'pnpm ops status',
      'What is on the bus, on one screen: streams, consumers, dead letters, and what is wrong now. Changes nothing.',
      NOTES,
    )
      .option('--json', 'one JSON document in place of tables')
      .option('--wait-ms <n>', 'waits this long for the broker', wholeNumber(0), 30_000)
    const help = readCommandLine(command, argv)
    if (help !== undefined) {
      to.say(help)
      return 0
    }
    const flags = command.opts()
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
