import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { alarmToBot, contracts } from '@alarm-bus/contracts'
import { listDeadLetters } from '@alarm-bus/nats-kit/admin'
import { startTestBroker, waitFor } from '@alarm-bus/nats-kit/testing'
import { jetstreamManager, RetentionPolicy } from '@nats-io/jetstream'
import { expect, onTestFinished, test } from 'vitest'
import { applyStreams } from '../src/index.ts'
import type { OldAppSettings } from './before-1.0/old-app.ts'
import { authOf, devEnvironment, oneAccount, repository, startBroker, type TestBroker, wholeConf } from './harness.ts'
import { opsOf } from './in-process.ts'
import { startConsumer } from './traffic.ts'

const STREAM = 'BASQUIAT_STREAM'
const ADVISORIES = `${STREAM}_ADVISORIES`
const APP = 'alarm-consumer'
const CONSUMER = `${APP}_alarm-to-bot`
const OLD_USERS = readFileSync(new URL('before-1.0/nats.permissions.conf', import.meta.url), 'utf8')

/** The packed kit of before 1.0 with its contracts, as if installed in a folder of their own. */
function unpackOldKit(): Pick<OldAppSettings, 'kit' | 'contracts'> {
  const folder = mkdtempSync(join(tmpdir(), 'ops-before-1.0-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const modules = join(folder, 'node_modules')
  const kit = join(repository, 'packages/nats-kit')
  const entry = (name: string): string => {
    const target = join(modules, '@alarm-bus', name)
    mkdirSync(target, { recursive: true })
    const packed = join(kit, 'test/versions/kit-before-1.0', `${name}.tgz`)
    execFileSync('tar', ['-xzf', packed, '--strip-components=1', '-C', target])
    return pathToFileURL(join(target, 'dist/index.js')).href
  }
  const unpacked = { kit: entry('nats-kit'), contracts: entry('contracts') }
  for (const name of ['@nats-io', 'zod'])
    symlinkSync(realpathSync(join(kit, 'node_modules', name)), join(modules, name))
  return unpacked
}

/** An instance with the old kit, and which messages its handler was given. */
function startOldApp(settings: OldAppSettings): { readonly process: ChildProcess; readonly given: string[] } {
  const script = fileURLToPath(new URL('before-1.0/old-app.ts', import.meta.url))
  const child = spawn(process.execPath, [script, JSON.stringify(settings)], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  const given: string[] = []
  child.on('message', (message) => given.push(String(message)))
  return { process: child, given }
}

async function lettersOf(broker: TestBroker): Promise<readonly string[]> {
  const found: string[] = []
  for await (const { original, reason } of listDeadLetters(await broker.kit('admin'), STREAM))
    found.push(`${original.seq} ${reason}`)
  return found
}

test(
  'a broker moves from the kit of before 1.0: new apps first, then their permissions, then the streams',
  {
    timeout: 240_000,
  },
  async () => {
    await using broker = await startBroker({ files: oneAccount(OLD_USERS) })
    const admin = await jetstreamManager(await broker.raw('admin'), { checkAPI: false })
    await applyStreams({ servers: [broker.server.url], auth: authOf('admin'), streams: contracts.streams })
    await admin.streams.add({
      name: ADVISORIES,
      subjects: ['MAX_DELIVERIES', 'MSG_TERMINATED'].map((kind) => `$JS.EVENT.ADVISORY.CONSUMER.${kind}.${STREAM}.*`),
      retention: RetentionPolicy.Workqueue,
      max_bytes: 64 * 1024 * 1024,
    })
    const ops = (command: string, ...flags: string[]) => opsOf(broker, {}, command, ...flags)
    const publish = async (message: string) =>
      (await broker.raw('producer')).request('alarm.to.bot', JSON.stringify({ message }), { timeout: 5_000 })
    const advisories = async () => (await admin.streams.info(ADVISORIES)).state.messages

    // An old instance keeps what the server gives up.
    const old = startOldApp({ ...unpackOldKit(), servers: broker.servers, auth: authOf(APP) })
    await publish('first')
    await waitFor(() => old.given.includes('first'), { what: 'the old instance to work', deadlineMs: 30_000 })
    await waitFor(async () => (await lettersOf(broker)).length === 1, { what: 'its dead letter', deadlineMs: 30_000 })
    expect((await ops('plan')).out).toContain(
      `instances with a kit before 1.0 still run, which read it (${CONSUMER}_adv`,
    )
    expect(await ops('apply', '--yes')).toMatchObject({ code: 0, err: '' })
    expect((await admin.streams.info(ADVISORIES)).config.name).toBe(ADVISORIES)

    // It is killed, and what the server gives up then is kept by nobody.
    await publish('second')
    await waitFor(() => old.given.includes('second'))
    old.process.kill('SIGKILL')
    await once(old.process, 'exit')
    const raw = await broker.raw(APP)
    raw.subscribe('_INBOX_alarm-consumer.waits', { callback() {} })
    const next = `$JS.API.CONSUMER.MSG.NEXT.${STREAM}.${CONSUMER}`
    raw.publish(next, '{"batch":1,"expires":60000000000}', { reply: '_INBOX_alarm-consumer.waits' })
    await waitFor(async () => (await advisories()) === 1, { what: 'the server to give up', deadlineMs: 30_000 })
    await raw.close()

    // The new instance, with the permissions that are there.
    const now = startConsumer(broker, APP, [alarmToBot])
    await waitFor(() => now.bus.health().ready, { what: 'the new instance' })
    expect((await admin.consumers.info(STREAM, CONSUMER)).config.max_deliver).toBe(-1)
    expect(await advisories()).toBe(1)

    // `pnpm ops permissions`, and the broker with them.
    await broker.server.kill()
    const { port, storeDir } = broker.server
    await using _ = await startTestBroker({ port, storeDir, configText: wholeConf(), env: devEnvironment })
    await waitFor(() => now.bus.health().ready, { what: 'the new instance on the new permissions', deadlineMs: 30_000 })
    // A reader that was given an advisory a moment ago counts as one that runs.
    await waitFor(async () => (await ops('plan', '--json')).out.includes('"retire"'), {
      what: 'the old instance to be gone for certain',
      deadlineMs: 90_000,
      everyMs: 500,
    })
    const applied = await ops('apply', '--yes')
    expect(applied).toMatchObject({ code: 0, err: '' })
    expect(applied.out).toContain(`${ADVISORIES}: retired: 1 dead letters\n`)
    expect(await lettersOf(broker)).toEqual(['1 never_settled', '2 never_settled'])
    expect((await ops('plan', '--json')).out).not.toContain(ADVISORIES)

    await publish('third')
    await waitFor(() => now.handled.some((seen) => seen.endsWith(' third')))
    await now.stop()
  },
)
