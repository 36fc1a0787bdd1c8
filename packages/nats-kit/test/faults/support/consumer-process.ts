import { setTimeout as sleep } from 'node:timers/promises'
import { connect, createSubscriber, defineHandler } from '../../../src/index.ts'
import { waitFor } from '../../../src/testing.ts'
import { faultContracts } from './contracts.ts'
import { Journal } from './journal.ts'
import { linkToStarter } from './worker-link.ts'
import { type ConsumerSettings, QUICK_CONNECTION, QUICK_SUBSCRIBER } from './worker-settings.ts'

/** An app that consumes, as a process: it journals what it handles, and ends in good order at SIGTERM. */
const STOP_MS = 20_000

const { settings, logger, ready, released, terminated } = linkToStarter<ConsumerSettings>()
const { app = 'app', handleMs = 0, holds = false, diesOn } = settings
const { contracts, channel } = faultContracts(settings.key, settings.stream)
const journal = new Journal(settings.journal)

const handler = defineHandler(channel, async ({ id }) => {
  journal.started(id, app)
  if (diesOn !== undefined && id.startsWith(diesOn)) {
    process.kill(process.pid, 'SIGKILL')
    await new Promise(() => undefined)
  }
  if (handleMs > 0) await sleep(handleMs)
  if (holds) await released
  journal.handled(id, app)
})

const connection = await connect(
  {
    ...QUICK_CONNECTION,
    servers: settings.servers,
    name: app,
    inboxPrefix: `_INBOX_${app}_${settings.key}`,
    ...settings.connection,
  },
  { logger },
)
const subscriber = createSubscriber(connection, {
  ...QUICK_SUBSCRIBER,
  ...settings.subscriber,
  contracts,
  app,
  handlers: [handler],
})
subscriber.start()
waitFor(() => subscriber.checks().every((check) => check.ok), { deadlineMs: 60_000 }).then(ready, () => undefined)

await terminated
const abandoned = await subscriber.stop(STOP_MS)
const flushed = await connection.close(STOP_MS)
journal.close()
process.exit(abandoned.length === 0 && flushed ? 0 : 1)
