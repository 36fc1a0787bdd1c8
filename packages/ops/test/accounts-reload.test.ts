import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { alarmToBot, contracts } from '@alarm-bus/contracts'
import { connect, createJetStreamPublisher } from '@alarm-bus/nats-kit'
import { collectLogs, startTestBroker, waitFor } from '@alarm-bus/nats-kit/testing'
import { expect, onTestFinished, test } from 'vitest'
import { readApps } from '../src/apps/read-apps.ts'
import { applyStreams } from '../src/index.ts'
import { appPermissions } from '../src/permissions/app-permissions.ts'
import { type BrokerFiles, renderAccounts } from '../src/permissions/render-accounts.ts'
import { applyDeclared, authOf, devEnvironment, repository } from './harness.ts'
import { startConsumer } from './traffic.ts'

const apps = await readApps()
const before = apps.map((app) => appPermissions(app, contracts, { shapesConsumers: true }))
const permissions = apps.map((app) => appPermissions(app, contracts))

function put(folder: string, files: BrokerFiles): void {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
}

test.each(['pull', 'push'] as const)(
  'a running broker is given accounts by two SIGHUPs: %s, and no message is lost',
  async (mode) => {
    const folder = mkdtempSync(join(tmpdir(), 'ops-accounts-'))
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
    for (const name of ['nats.admin.conf', 'nats.migrator.conf'])
      copyFileSync(join(repository, name), join(folder, name))
    // One that names a directory is started from a copy, which does not change.
    const setup = readFileSync(join(repository, 'nats.setup.conf'), 'utf8').replace(/^ *store_dir: .*$/m, '')
    writeFileSync(join(folder, 'nats.setup.conf'), setup)
    put(folder, renderAccounts(before, { oneAccount: true }))
    let reloads = 0
    const onLog = (line: string): void => void (line.includes('Reloaded server configuration') && reloads++)
    const server = await startTestBroker({
      config: join(folder, 'nats.setup.conf'),
      port: 0,
      env: devEnvironment,
      onLog,
    })
    onTestFinished(() => server.stop())
    const servers = [server.url]
    // As it was: the app makes its consumers.
    await applyStreams({ servers, auth: authOf('admin'), streams: contracts.streams })
    const consumer = startConsumer({ servers }, 'alarm-consumer', [alarmToBot], { mode })
    await waitFor(() => consumer.bus.health().ready, { what: 'the consumer to be ready' })
    const logs = collectLogs()
    const connection = await connect({ servers, name: 'producer', auth: authOf('producer') }, { logger: logs })
    const states: string[] = []
    connection.events.on('connectionStateChanged', ({ state }) => void states.push(state))
    const publisher = createJetStreamPublisher(connection, { contracts })
    const stored: string[] = []
    let writing = true
    const writer = (async () => {
      for (let i = 0; writing; i++) {
        await publisher.publish(alarmToBot, { message: `m${i}` })
        stored.push(`m${i}`)
      }
    })()
    await waitFor(() => stored.length > 100, { what: 'messages in one account' })

    // `pnpm ops apply` makes what is missing, then the apps may shape nothing any more.
    await applyDeclared({ server })
    put(folder, renderAccounts(permissions))
    // An account that a reload brings along has its imports from the next one on.
    for (const reload of [1, 2]) {
      process.kill(server.pid, 'SIGHUP')
      await waitFor(() => reloads === reload, { what: `reload ${reload}` })
    }
    await waitFor(() => states.includes('connected'), { what: 'the producer in its own account', deadlineMs: 30_000 })
    const reloaded = stored.length
    await waitFor(() => stored.length > reloaded + 100, { what: 'messages from its own account', deadlineMs: 30_000 })
    writing = false
    await writer
    await waitFor(() => consumer.bus.health().ready, { what: 'the consumer in its own account', deadlineMs: 30_000 })
    const seen = () => new Set(consumer.handled.map((line) => line.split(' ').at(-1)))
    const missed = () => stored.filter((message) => !seen().has(message))
    await waitFor(() => missed().length === 0, { what: 'every message to be handled', deadlineMs: 60_000 })
    // Moved, and not left where it was.
    expect(states.slice(0, 2)).toEqual(['disconnected', 'connected'])
    await consumer.stop()
    await publisher.close()
    await connection.close(1_000)
  },
)
