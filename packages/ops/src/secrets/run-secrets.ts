import { newCommand, readCommandLine, UsageError } from '@alarm-bus/command-line'
import { randomBytes } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isDevSecret } from '@alarm-bus/environment'
import { readApps, REPOSITORY } from '../apps/read-apps.ts'
import { runCertificates } from '../certificates/run-certificates.ts'
import type { Output } from '../output.ts'
import { passwordVariable } from '../permissions/user-variables.ts'

const NOTES = `Makes what is missing and keeps what exists, so run it again after \`pnpm new
app\`. A password in .env that is not one of development is taken over.
Certificates are renewed each time, for a year, by the authority that exists:
brokers read them at SIGHUP or a restart. Needs no broker, and shows no secret.`

const BROKERS = ['nats-1', 'nats-2', 'nats-3']
/** Beside one for each app. */
const OTHERS = [
  'NATS_ADMIN_PASSWORD',
  'NATS_MIGRATOR_PASSWORD',
  'NATS_SYS_PASSWORD',
  'NATS_ROUTE_PASSWORD',
  'POSTGRES_PASSWORD',
  'GRAFANA_PASSWORD',
]

/** The process's exit code: 0 when all are there, else 1. */
export async function runSecrets(
  argv: readonly string[],
  output: Output = console,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): Promise<number> {
  try {
    const command = newCommand(
      'pnpm ops secrets',
      'Passwords, certificates and keys for docker compose, each in a file of its own.',
      NOTES,
    ).option('--out <folder>', 'where they go; default: .secrets, where docker-compose.yml looks for them')
    const help = readCommandLine(command, argv)
    if (help !== undefined) {
      output.log(help)
      return 0
    }
    const { out = join(REPOSITORY, '.secrets') } = command.opts()
    // Containers read the files with rights that are not their owner's, so the folder keeps other users of this machine out.
    mkdirSync(out, { recursive: true, mode: 0o700 })
    chmodSync(out, 0o700)
    const passwords = new Map<string, string>()
    for (const name of [...(await readApps()).map((app) => passwordVariable(app.name)), ...OTHERS])
      passwords.set(name, passwordIn(out, name, environment[name], output))
    const route = `route:${passwords.get('NATS_ROUTE_PASSWORD')}`
    write(out, 'NATS_ROUTES', JSON.stringify(BROKERS.map((name) => `tls://${route}@${name}:6222`)))
    // For the profile `postgres`: DATABASE_URL_FILE names this file.
    const database = `postgres://alarm-bus:${passwords.get('POSTGRES_PASSWORD')}@postgres:5432/alarm-bus`
    write(out, 'DATABASE_URL', database)
    return await runCertificates(['--out', join(out, 'tls')], output)
  } catch (error) {
    output.error(`ops secrets: ${(error as Error).message}`)
    return 1
  }
}

/** What is in the file; where there is none, a value of .env, or a new one. */
function passwordIn(folder: string, name: string, given: string | undefined, output: Output): string {
  const file = join(folder, name)
  if (existsSync(file)) {
    const found = readFileSync(file, 'utf8').trim()
    if (found === '')
      throw new UsageError(`${file} is empty; remove it to have one made, or write the password into it`)
    return found
  }
  const isGiven = given !== undefined && given.trim() !== '' && !isDevSecret(given)
  // The broker's configuration wants a letter first.
  const password = isGiven ? given : `p${randomBytes(24).toString('hex')}`
  write(folder, name, password)
  output.log(`${file}  ${isGiven ? 'taken over' : 'made'}`)
  return password
}

function write(folder: string, name: string, text: string): void {
  writeFileSync(join(folder, name), `${text}\n`, { mode: 0o644 })
}
