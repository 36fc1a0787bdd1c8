import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { beforeAll, expect, onTestFinished, test } from 'vitest'
import { caught, tempDir, writeScript } from '../test/fixtures.ts'
import { findNatsServer } from './find.ts'
import type { NatsServer, StartNatsServerOptions } from './options.ts'
import { readInfo } from './ready.ts'
import { startNatsServer } from './start.ts'

const run = promisify(execFile)
const FULL_CONF = `
server_name: from_conf
listen: 127.0.0.1:4222
http: 127.0.0.1:8222
log_file: "/nonexistent/nats.log"
pid_file: "/nonexistent/nats.pid"
jetstream { store_dir: "/nonexistent/store", max_file: 100MB }
accounts { A { jetstream: enabled, users: [{ user: a, password: $A_PASSWORD }] } }
`
let binary = ''

beforeAll(async () => {
  binary = (await findNatsServer()).path
})

/** Starts a broker that the test need not stop. */
async function start(options: StartNatsServerOptions = {}): Promise<NatsServer> {
  const server = await startNatsServer({ binary, ...options })
  onTestFinished(() => server.stop())
  return server
}

async function jsz(server: NatsServer): Promise<Record<string, unknown>> {
  const response = await fetch(`${server.monitorUrl}/jsz?config=true`)
  return (await response.json()) as Record<string, unknown>
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

async function until(what: string, check: () => boolean): Promise<void> {
  const deadline = Date.now() + 10_000
  while (!check()) {
    if (Date.now() > deadline) throw new Error(`not within 10 s: ${what}`)
    await sleep(20)
  }
}

test('starts on free ports, answers as itself, and leaves nothing behind', async () => {
  const lines: string[] = []
  const server = await start({ jetstream: true, serverName: 'mine', onLog: (line) => lines.push(line) })
  expect(server.url).toBe(`nats://127.0.0.1:${server.port}`)
  const info = await readInfo(server.host, server.port)
  expect(info).toEqual({ serverId: server.serverId, serverName: 'mine', version: server.version })
  expect((await jsz(server))['config']).toMatchObject({ store_dir: join(server.storeDir, 'jetstream') })
  expect(lines.some((line) => line.includes('Server is ready'))).toBe(true)
  await server.stop()
  expect(await server.exited).toEqual({ code: expect.any(Number), signal: null })
  expect(isRunning(server.pid)).toBe(false)
  expect(existsSync(server.storeDir)).toBe(false)
  await server.stop()
  await server.kill()
})

test('two with the same configuration run side by side, whatever ports and files it names', async () => {
  const config = join(tempDir(), 'nats.conf')
  writeFileSync(config, FULL_CONF)
  const options = { config, env: { A_PASSWORD: '"123 4"' } }
  const [one, two] = await Promise.all([start(options), start(options)])
  expect(one.port).not.toBe(two.port)
  expect(one.monitorUrl).not.toBe(two.monitorUrl)
  expect([one.serverName, two.serverName]).toEqual(['from_conf', 'from_conf'])
  expect((await jsz(one))['config']).toMatchObject({
    store_dir: join(one.storeDir, 'jetstream'),
    max_storage: 104857600,
  })
  expect((await jsz(two))['config']).toMatchObject({ store_dir: join(two.storeDir, 'jetstream') })
})

test('a configuration without a store directory is used as it is, also with includes', async () => {
  const folder = tempDir()
  writeFileSync(join(folder, 'js.conf'), 'jetstream { max_file: 50MB }')
  writeFileSync(join(folder, 'nats.conf'), 'port: 4222\ninclude ./js.conf\n')
  const storeDir = join(tempDir(), 'store')
  const server = await start({ config: join(folder, 'nats.conf'), storeDir, monitorPort: false })
  expect(server.monitorUrl).toBeUndefined()
  expect(existsSync(join(storeDir, 'jetstream'))).toBe(true)
  await server.stop()
  expect(existsSync(storeDir)).toBe(true)
})

test('the configuration can be given as text', async () => {
  const server = await start({ configText: 'server_name: as_text\njetstream { store_dir: /nonexistent }' })
  expect(server.serverName).toBe('as_text')
})

test('after kill() a new one takes over port and store', async () => {
  const first = await start({ jetstream: true })
  await first.kill()
  expect(await first.exited).toEqual({ code: null, signal: 'SIGKILL' })
  expect(isRunning(first.pid)).toBe(false)
  const { port, storeDir } = first
  const second = await start({ jetstream: true, port, storeDir })
  expect(second.port).toBe(port)
  expect(second.serverId).not.toBe(first.serverId)
  expect((await jsz(second))['config']).toMatchObject({ store_dir: join(storeDir, 'jetstream') })
})

test('a port that is taken is named', async () => {
  const other = await start()
  const error = await caught(startNatsServer({ binary, port: other.port }))
  expect(error).toMatchObject({ code: 'port_taken', message: expect.stringContaining(`port ${other.port} is taken`) })
  const { port } = new URL(other.monitorUrl ?? '')
  expect((await caught(startNatsServer({ binary, monitorPort: Number(port) }))).code).toBe('port_taken')
})

test('a configuration error shows what nats-server says, and where', async () => {
  const config = join(tempDir(), 'nats.conf')
  writeFileSync(config, 'port: 4222\njetstream { store_dir: /data }\nno_such_option: 1\n')
  const error = await caught(startNatsServer({ binary, config }))
  expect(error.code).toBe('config_error')
  expect(error.message).toContain(`${config}:3:1: unknown field "no_such_option"`)
  const missing = await caught(startNatsServer({ binary, config: '/nonexistent/nats.conf' }))
  expect(missing).toMatchObject({ code: 'config_error', message: expect.stringContaining('/nonexistent/nats.conf') })
})

test('options that contradict each other are refused', async () => {
  expect((await caught(startNatsServer({ binary, config: 'a', configText: 'b' }))).code).toBe('invalid_options')
  expect((await caught(startNatsServer({ binary, port: 70_000 }))).code).toBe('invalid_options')
  expect((await caught(startNatsServer({ binary, stopTimeoutMs: 0 }))).code).toBe('invalid_options')
})

/** A broker that claims the port of another one: its log and its ports file are made up. */
function impostor(port: number, id: string): string {
  return writeScript(
    join(tempDir(), 'nats-server'),
    `while [ $# -gt 0 ]; do [ "$1" = --ports_file_dir ] && dir="$2"; shift; done
echo '[1] [INF]   ID:       ${id}'
echo '{"nats":["nats://127.0.0.1:${port}"]}' > "$dir/nats-server_$$.ports"
exec sleep 60`,
  )
}

test('another broker at the port is found out', async () => {
  const other = await start({ serverName: 'other' })
  const binaryOfAnother = impostor(other.port, `N${'A'.repeat(55)}`)
  const error = await caught(startNatsServer({ binary: binaryOfAnother }))
  expect(error).toMatchObject({ code: 'wrong_server', message: expect.stringContaining('(other)') })
  const same = await startNatsServer({ binary: impostor(other.port, other.serverId) })
  expect(same.serverId).toBe(other.serverId)
  await same.kill()
  await same.stop()
})

test('a port at which no NATS server answers ends in a timeout, and the process is gone', async () => {
  const silent = createServer(() => {})
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void silent.close())
  const { port } = silent.address() as AddressInfo
  const folder = tempDir()
  const wrapper = writeScript(
    join(folder, 'wrapper'),
    `echo $$ > ${folder}/pid; exec ${impostor(port, `N${'A'.repeat(55)}`)} "$@"`,
  )
  const error = await caught(startNatsServer({ binary: wrapper, startTimeoutMs: 500 }))
  expect(error).toMatchObject({ code: 'start_timeout', message: expect.stringContaining('did not answer') })
  expect(isRunning(Number(readFileSync(join(folder, 'pid'), 'utf8')))).toBe(false)
})

test('a process that ends early shows its last lines', async () => {
  const failing = writeScript(join(tempDir(), 'x'), 'echo something broke >&2; exit 3')
  const error = await caught(startNatsServer({ binary: failing }))
  expect(error).toMatchObject({ code: 'exited_early', message: expect.stringContaining('something broke') })
  const missing = await caught(startNatsServer({ binary: '/nonexistent/nats-server' }))
  expect(missing).toMatchObject({ code: 'exited_early', message: expect.stringContaining('ENOENT') })
})

test('a paused broker keeps its connections and says nothing until it goes on', async () => {
  const server = await start()
  await server.pause()
  expect(await Promise.race([readInfo(server.host, server.port), sleep(300, 'silent')])).toBe('silent')
  server.resume()
  expect((await readInfo(server.host, server.port))?.serverId).toBe(server.serverId)
  await server.pause()
  await server.stop()
  expect(isRunning(server.pid)).toBe(false)
})

test('once pause has resolved, nothing that is sent gets an answer', async () => {
  const server = await start()
  const socket = connect(server.port, server.host)
  onTestFinished(() => void socket.destroy())
  await once(socket, 'data')
  const ask = () => {
    socket.write('PING\r\n')
    return once(socket, 'data')
  }
  socket.write('CONNECT {"verbose":false}\r\n')
  // An answer in spite of it is a matter of a race, so of several.
  for (let round = 1; round <= 20; round++) {
    await ask()
    await server.pause()
    const answer = ask()
    expect(await Promise.race([answer, sleep(20, 'silent')])).toBe('silent')
    server.resume()
    await answer
  }
})

test('one that does not stop in time is killed', async () => {
  const other = await start()
  const stubborn = impostor(other.port, other.serverId)
  writeFileSync(
    stubborn,
    readFileSync(stubborn, 'utf8').replace('exec sleep 60', "trap '' TERM\nwhile :; do sleep 0.05; done"),
  )
  const server = await startNatsServer({ binary: stubborn, stopTimeoutMs: 200 })
  await server.stop()
  expect(await server.exited).toEqual({ code: null, signal: 'SIGKILL' })
})

test('await using stops it', async () => {
  let pid: number
  {
    await using server = await startNatsServer({ binary })
    pid = server.pid
    expect(isRunning(pid)).toBe(true)
  }
  expect(isRunning(pid)).toBe(false)
})

test('it does not outlive the process that started it', async () => {
  const script = join(import.meta.dirname, '..', 'test', 'start-and-exit.ts')
  const { stdout } = await run(process.execPath, [script, binary])
  const { pid, storeDir } = JSON.parse(stdout) as { pid: number; storeDir: string }
  await until('the broker has ended', () => !isRunning(pid))
  expect(existsSync(storeDir)).toBe(false)
})

test('a detached one ends too when the process that started it is killed', async () => {
  const script = join(import.meta.dirname, '..', 'test', 'start-and-wait.ts')
  const starter = spawn(process.execPath, [script, binary], { stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  starter.stdout.on('data', (part: Buffer) => (text += part.toString()))
  await until('the broker runs', () => text.endsWith('}'))
  const { pid } = JSON.parse(text) as { pid: number }
  expect(isRunning(pid)).toBe(true)
  starter.kill('SIGKILL')
  await until('the broker has ended', () => !isRunning(pid))
})
