import { alarmToBot, contracts, defineApp } from '@alarm-bus/contracts'
import { createBus } from '@alarm-bus/nats-kit'
import { withCompanions } from '@alarm-bus/nats-kit/admin'
import { collectLogs, waitFor } from '@alarm-bus/nats-kit/testing'
import { jetstreamManager, StorageType } from '@nats-io/jetstream'
import { expect, test } from 'vitest'
import { readApps } from '../src/apps/read-apps.ts'
import { appPermissions } from '../src/permissions/app-permissions.ts'
import { renderAccounts } from '../src/permissions/render-accounts.ts'
import { authOf, devEnvironment, startBroker } from './harness.ts'
import { opsOf } from './in-process.ts'
import { startPublisher } from './traffic.ts'

const STREAM = 'BASQUIAT_STREAM'
const app = defineApp({ name: 'reader', owner: 'team', description: 'Reads.', reads: [alarmToBot] })
const env = { NATS_READER_PASSWORD: 'dev-only-reader' }

test(
  'a stream that is migrated while it is read: in order, nothing missing, nothing twice',
  { timeout: 90_000 },
  async () => {
    const files = renderAccounts([...(await readApps()), app].map((one) => appPermissions(one, contracts)))
    await using broker = await startBroker({ files, env })
    const manager = await jetstreamManager(await broker.raw('admin'))
    const [declared, ...companions] = contracts.streams.flatMap((stream) => withCompanions(stream))
    // As it should be, but in memory: what the server cannot change.
    const small = { max_bytes: 40 * 1024 * 1024, storage: StorageType.Memory }
    await manager.streams.add({ ...declared, name: STREAM, ...small })
    for (const companion of companions) await manager.streams.add(companion)
    const publisher = startPublisher(broker, alarmToBot)

    const connection = {
      servers: [...broker.servers],
      name: app.name,
      auth: authOf(app.name, { ...devEnvironment, ...env }),
    }
    const bus = createBus({ contracts, app, connection, logger: collectLogs(), streams: { mode: 'verify' } })
    void bus.start()
    const seqs: number[] = []
    const reading = bus.read(alarmToBot, { from: 'start', live: true, pollMs: 10, maxMessages: 20 })
    const done = (async () => {
      for await (const item of reading) {
        if (item.kind !== 'message') throw new Error(JSON.stringify(item))
        seqs.push(item.seq)
      }
    })()
    done.catch(() => undefined)
    await waitFor(() => seqs.length > 50)
    const migrated = await opsOf(broker, {}, 'apply', '--yes', '--allow-destroy', '--destroy', STREAM)
    expect(migrated).toMatchObject({ code: 0, out: expect.stringContaining(`${STREAM}: migrated\n`) })
    const before = publisher.stored.length
    await waitFor(() => publisher.stored.length > before + 50, { deadlineMs: 30_000, what: 'publishing after it' })
    await publisher.stop()
    const { state } = await manager.streams.info(STREAM)
    await Promise.race([
      done,
      waitFor(() => seqs.at(-1) === state.last_seq, { deadlineMs: 30_000, what: 'the last one' }),
    ])
    // The migration itself may leave a sequence out.
    expect(seqs).toEqual(publisher.stored.map((seen) => Number(seen.split(' ')[0])))
    await reading.return()
    await done
    await bus.stop(2_000)
  },
)
