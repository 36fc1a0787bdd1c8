import { runApply } from '../src/plan/run-apply.ts'
import { runPlan } from '../src/plan/run-plan.ts'
import { runStatus } from '../src/status/run-status.ts'
import { authOf, type TestBroker } from './harness.ts'
import type { Ran } from './run-script.ts'

const COMMANDS = { plan: runPlan, apply: runApply, status: runStatus }

/** `pnpm ops` with the credentials of an operator of that broker, unless told otherwise. */
export function opsOf(broker: TestBroker, env: Readonly<Record<string, string>>, command: string, ...flags: string[]) {
  const operator = {
    NATS_SERVERS: broker.server.url,
    NATS_ADMIN_PASSWORD: authOf('admin').password,
    NATS_MIGRATOR_PASSWORD: authOf('migrator').password,
  }
  return runOps({ ...operator, ...env }, command, ...flags)
}

/** `pnpm ops` without a process of its own. ANSWER stands for a person who sits in front of it. */
export async function runOps(
  { ANSWER: answer, ...environment }: Readonly<Record<string, string>>,
  command: string,
  ...flags: string[]
): Promise<Ran & { readonly asked: readonly string[] }> {
  const said = { out: '', err: '' }
  const asked: string[] = []
  const code = await COMMANDS[command as keyof typeof COMMANDS](flags, {
    // What a test does not say is what `.env.example` says.
    environment: { NODE_ENV: 'development', ...environment },
    say: (line) => (said.out += `${line}\n`),
    complain: (line) => (said.err += `${line}\n`),
    ask: answer === undefined ? undefined : async (question) => (asked.push(question), answer),
  })
  return { code, ...said, asked }
}
