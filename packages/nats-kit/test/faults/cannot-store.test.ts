import { spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findNatsServer } from '@alarm-bus/nats-server'
import { nuid } from '@nats-io/transport-node'
import { expect, test } from 'vitest'
import { idempotencyStreamName } from '../../src/admin.ts'
import { type Bus, type BusOptions, createBus, KitError, KitErrorCode } from '../../src/index.ts'
import { collectLogs, startTestBroker, waitFor } from '../../src/testing.ts'
import { onEnd, open } from '../harness.ts'
import { isReplicated, leaderOf, startCluster } from './support/cluster.ts'
import { faultContracts } from './support/contracts.ts'
import { managerOf } from './support/scene.ts'
import { QUICK_CONNECTION } from './support/worker-settings.ts'

const PUBLISHER = { idempotency: true, attemptTimeoutMs: 500, budgetMs: 2_000 }

function busAt(servers: readonly string[], options: Partial<BusOptions> = {}) {
  const made = faultContracts(nuid.next())
  const logger = collectLogs()
  const bus = createBus({
    contracts: made.contracts,
    logger,
    connection: { ...QUICK_CONNECTION, servers, name: 'app', inboxPrefix: `_INBOX_${nuid.next()}` },
    publisher: PUBLISHER,
    ...options,
  })
  onEnd(() => bus.stop(5_000))
  void bus.start()
  return { ...made, bus, logger }
}

/** Publishes for as long as the test lasts, half of it under ids; what failed, in its order. */
function keepPublishing({ bus, channel }: Pick<ReturnType<typeof busAt>, 'bus' | 'channel'>, pad = '') {
  const errors: KitError[] = []
  let isRunning = true
  let stored = 0
  const write = async (isKeyed: boolean): Promise<void> => {
    while (isRunning) {
      const id = nuid.next()
      try {
        await bus.publisher.publish(channel, { id, pad }, isKeyed ? { id } : {})
        stored++
      } catch (error) {
        errors.push(KitError.from(error))
      }
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }
  const done = Promise.all([write(true), write(false), write(false)])
  onEnd(async () => {
    isRunning = false
    await done
  })
  return { errors, stored: () => stored }
}

const publisherOf = (bus: Bus) => bus.health().checks.find(({ name }) => name === 'publisher')

/** Not ready, and not for a moment: as long as nothing can be stored. */
async function staysNotReady(bus: Bus): Promise<void> {
  await waitFor(() => publisherOf(bus)?.ok === false, { what: 'the publisher not to be well', deadlineMs: 30_000 })
  for (let look = 0; look < 100; look++) {
    expect(bus.health().ready).toBe(false)
    expect(publisherOf(bus)?.detail).toMatch(/^nothing was stored since \d{4}-/)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

test('quorum lost: not ready for as long, keyed ones are told to try again, and it is ready again after', async () => {
  const cluster = await startCluster()
  onEnd(() => cluster.stop())
  // A cluster that has just started places no stream yet, so the bus tries for a while.
  const made = busAt(cluster.servers, { streams: { replicas: 3 } })
  const { bus, stream } = made
  await bus.ready({ timeoutMs: 60_000 })
  const admin = await open({ url: cluster.servers[0] ?? '' })
  const claims = idempotencyStreamName(stream.name)
  const manager = await managerOf(admin)
  const areReplicated = async () => (await isReplicated(manager, stream.name)) && isReplicated(manager, claims)
  await waitFor(areReplicated, { deadlineMs: 30_000, what: 'three copies' })
  // The one that is left leads the claims: for a while it answers for them, and can decide nothing.
  const leader = await leaderOf(admin.client, claims)
  const others = cluster.nodes.filter(({ current }) => current.serverName !== leader)
  const { errors, stored } = keepPublishing(made)
  await waitFor(() => stored() > 10)
  await Promise.all(others.map((node) => node.kill()))
  await staysNotReady(bus)
  await waitFor(() => errors.length > 5, { deadlineMs: 30_000 })
  expect(new Set(errors.map(({ code }) => code))).toEqual(new Set([KitErrorCode.BrokerUnavailable]))
  await Promise.all(others.map((node) => node.restart()))
  await waitFor(() => bus.health().ready, { deadlineMs: 60_000, what: 'ready with a quorum' })
  expect(made.logger.lines.filter(({ fields }) => fields['event'] === 'publisherNotReady')).not.toHaveLength(0)
}, 180_000)

/** Runs the broker on a disk of its own that is soon full; needs no root where the system lets a user have namespaces. */
async function brokerOnSmallDisk(): Promise<{ readonly binary: string; readonly storeDir: string } | undefined> {
  if (spawnSync('unshare', ['-rm', 'true']).status !== 0) return undefined
  const folder = mkdtempSync(join(tmpdir(), 'kit-small-disk-'))
  onEnd(async () => rmSync(folder, { recursive: true, force: true }))
  const { path } = await findNatsServer()
  const [binary, storeDir] = [join(folder, 'nats-server'), join(folder, 'store')]
  const mounted = `mkdir -p '${storeDir}' && mount -t tmpfs -o size=8m tmpfs '${storeDir}' && exec '${path}' "$@"`
  writeFileSync(binary, `#!/bin/sh\nexec unshare -rm sh -c '${mounted.replaceAll("'", `'\\''`)}' nats-server "$@"\n`)
  chmodSync(binary, 0o755)
  return { binary, storeDir }
}

test('disk full: not ready for as long, and says that the broker has to be restarted', async (context) => {
  const small = await brokerOnSmallDisk()
  if (!small) return context.skip('this system gives a user no namespace to mount a small disk in')
  const configText = 'jetstream { max_file: 1TB }'
  const broker = await startTestBroker({ configText, ...small })
  onEnd(() => broker.stop())
  const made = busAt([broker.url])
  const { bus } = made
  await bus.ready()
  const { errors, stored } = keepPublishing(made, 'x'.repeat(50_000))
  await staysNotReady(bus)
  expect(stored()).toBeGreaterThan(0)
  expect(publisherOf(bus)?.detail).toContain('restarted once there is room')
  expect(new Set(errors.map(({ code }) => code))).toEqual(new Set([KitErrorCode.BrokerUnavailable]))
  await broker.stop()
  const roomy = await startTestBroker({ configText, port: broker.port })
  onEnd(() => roomy.stop())
  await waitFor(() => bus.health().ready, { deadlineMs: 30_000, what: 'ready with room' })
}, 120_000)
