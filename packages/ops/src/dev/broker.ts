import { UsageError } from '@alarm-bus/command-line'
import { NatsServerError } from '@alarm-bus/nats-server'
import { BrokerStartError } from './own-broker.ts'
import { loadDevEnv } from './dev-env.ts'
import { runBrokerTask } from './broker-task.ts'
import { envFileProblems } from './env-file-problems.ts'
import { say } from './say.ts'

// The root task beside the apps under `dev`.
loadDevEnv()
for (const problem of envFileProblems()) say(problem)
// A terminal that was closed takes no output any more; what is left to do is to end in good order.
process.stdout.on('error', () => undefined)
process.stderr.on('error', () => undefined)
try {
  await runBrokerTask()
} catch (error) {
  const isExpected = [BrokerStartError, NatsServerError, UsageError].some((expected) => error instanceof expected)
  console.error(isExpected ? `broker: ${(error as Error).message}` : error)
  process.exitCode = 1
}
// What still waits, as a look at an app that does not answer, is of no use any more.
process.exit()
