import { execFile, type SpawnOptions, spawn } from 'node:child_process'
import { chownSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { waitFor } from '@alarm-bus/nats-kit/testing'
import { Client } from 'pg'
import { ensurePostgres } from './install-postgres.ts'

const run = promisify(execFile)
const PASSWORD = 'only-for-tests'

/** A real Postgres of its own. Whoever starts it stops it. */
export interface PostgresServer extends AsyncDisposable {
  /** A new, empty database; its address. @param how what `create database` is told besides the name. */
  createDatabase(how?: string): Promise<string>
  /** Ends it as a power cut does. */
  kill(): Promise<void>
  /** Starts it again where it was. */
  start(): Promise<void>
  stop(): Promise<void>
}

/** Postgres refuses to run as root. */
export async function unprivileged(): Promise<{ readonly uid: number; readonly gid: number } | undefined> {
  if (process.getuid?.() !== 0) return undefined
  const idOf = async (option: string): Promise<number> => Number((await run('id', [option, 'nobody'])).stdout)
  return { uid: await idOf('-u'), gid: await idOf('-g') }
}

/** Starts a Postgres on a free port, in a folder of its own that goes with it. */
export async function startPostgres(): Promise<PostgresServer> {
  const binaries = await ensurePostgres()
  const owner = await unprivileged()
  const folder = mkdtempSync(join(tmpdir(), 'log-consumer-postgres-'))
  const data = join(folder, 'data')
  const passwordFile = join(folder, 'password')
  writeFileSync(passwordFile, PASSWORD)
  if (owner) for (const path of [folder, passwordFile]) chownSync(path, owner.uid, owner.gid)
  const as: SpawnOptions = { ...owner, cwd: folder, env: { PATH: process.env['PATH'], LC_ALL: 'C', TZ: 'UTC' } }
  await run(
    join(binaries, 'initdb'),
    ['-D', data, '-U', 'tester', '-A', 'scram-sha-256', `--pwfile=${passwordFile}`, '-E', 'UTF8', '--no-sync'],
    as as object,
  )
  const port = await freePort()
  const urlOf = (name: string): string => `postgres://tester:${PASSWORD}@127.0.0.1:${port}/${name}`
  const settings = {
    port: String(port),
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    max_connections: '60',
    // It outlives what the tests do to it, and no test cuts the power.
    fsync: 'off',
  }
  let server: ReturnType<typeof spawn> | undefined
  let ended: Promise<unknown> = Promise.resolve()
  const killWithThisProcess = (): void => void server?.kill('SIGKILL')
  process.once('exit', killWithThisProcess)
  let databases = 0

  const start = async (): Promise<void> => {
    const options = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
    const child = spawn(join(binaries, 'postgres'), ['-D', data, ...options], { ...as, stdio: 'ignore' })
    server = child
    ended = new Promise((resolve) => child.once('close', resolve))
    await waitFor(() => answers(urlOf('postgres')), { what: 'Postgres answers', deadlineMs: 30_000 })
  }
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    server?.kill(signal)
    await ended
    server = undefined
  }
  const stop = async (): Promise<void> => {
    // Immediate: nothing of it is needed any more.
    await end('SIGQUIT')
    process.off('exit', killWithThisProcess)
    rmSync(folder, { recursive: true, force: true })
  }
  await start()
  return {
    async createDatabase(how = '') {
      const name = `logs_${process.pid}_${++databases}`
      await query(urlOf('postgres'), `create database ${name} ${how}`)
      return urlOf(name)
    },
    kill: () => end('SIGQUIT'),
    start,
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

/** One statement on a connection of its own. */
export async function query<Row extends object>(url: string, sql: string): Promise<Row[]> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query<Row>(sql)).rows
  } finally {
    await client.end()
  }
}

async function answers(url: string): Promise<boolean> {
  return (await query(url, 'select 1')).length === 1
}

export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { readonly port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}

export const POSTGRES_PASSWORD = PASSWORD
