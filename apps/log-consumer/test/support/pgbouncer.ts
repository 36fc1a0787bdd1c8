import { type ChildProcess, spawn } from 'node:child_process'
import { chownSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { waitFor } from '@alarm-bus/nats-kit/testing'
import { ensurePgBouncer } from './install-postgres.ts'
import { freePort, POSTGRES_PASSWORD, query, unprivileged } from './postgres-server.ts'

/** A real PgBouncer before a Postgres. Whoever starts it stops it. */
export interface PgBouncer extends AsyncDisposable {
  /** The same database, through the pooler. */
  urlOf(databaseUrl: string): string
  /** Ends it, and with it every connection, and starts it again where it was. */
  restart(): Promise<void>
}

export type PoolMode = 'session' | 'transaction'

/** Fewer connections to Postgres than the app opens, so that it has to share them out. */
const POOL_SIZE = { session: 12, transaction: 2 } as const

export async function startPgBouncer(databaseUrl: string, mode: PoolMode): Promise<PgBouncer> {
  const program = await ensurePgBouncer()
  const owner = await unprivileged()
  const folder = mkdtempSync(join(tmpdir(), 'log-consumer-pgbouncer-'))
  const port = await freePort()
  const users = join(folder, 'users.txt')
  const settings = join(folder, 'pgbouncer.ini')
  writeFileSync(users, `"tester" "${POSTGRES_PASSWORD}"\n`)
  writeFileSync(
    settings,
    `[databases]
* = host=127.0.0.1 port=${new URL(databaseUrl).port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = ${users}
pool_mode = ${mode}
default_pool_size = ${POOL_SIZE[mode]}
`,
  )
  if (owner) for (const path of [folder, users, settings]) chownSync(path, owner.uid, owner.gid)
  const urlOf = (url: string): string => Object.assign(new URL(url), { port: String(port) }).href
  let child: ChildProcess | undefined
  let ended: Promise<unknown> = Promise.resolve()
  const start = async (): Promise<void> => {
    const started = spawn(program, [settings], { ...owner, cwd: folder, stdio: 'ignore' })
    child = started
    ended = new Promise((resolve) => started.once('close', resolve))
    await waitFor(async () => (await query(urlOf(databaseUrl), 'select 1')).length === 1, { what: 'PgBouncer answers' })
  }
  const end = async (): Promise<void> => {
    child?.kill('SIGKILL')
    await ended
  }
  const killWithThisProcess = (): void => void child?.kill('SIGKILL')
  process.once('exit', killWithThisProcess)
  await start()
  return {
    urlOf,
    async restart() {
      await end()
      await start()
    },
    async [Symbol.asyncDispose]() {
      await end()
      process.off('exit', killWithThisProcess)
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
