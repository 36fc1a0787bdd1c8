import { connect, createJetStreamPublisher } from '../../../src/index.ts'
import { faultContracts } from './contracts.ts'
import { Journal } from './journal.ts'
import { linkToStarter } from './worker-link.ts'
import { type PublisherSettings, QUICK_CONNECTION } from './worker-settings.ts'
import { startWriters } from './writers.ts'

/** An app that publishes, as a process: without end, and at SIGTERM to the last ack. */
const CLOSE_MS = 5_000

const { settings, logger, ready, terminated } = linkToStarter<PublisherSettings>()
const { name, writers = 4, pauseMs = 0 } = settings
const { contracts, channel } = faultContracts(settings.key, settings.stream)
const journal = new Journal(settings.journal)

const connection = await connect(
  {
    ...QUICK_CONNECTION,
    servers: settings.servers,
    name,
    inboxPrefix: `_INBOX_${name}_${settings.key}`,
    ...settings.connection,
  },
  { logger },
)
const publisher = createJetStreamPublisher(connection, { contracts, attemptTimeoutMs: 1_000, ...settings.publisher })
const running = startWriters({
  name,
  publish: (id) => publisher.publish(channel, { id }, { id }),
  journal,
  writers,
  pauseMs,
})
ready()

await terminated
await running.stop()
await publisher.close()
await connection.close(CLOSE_MS)
for (const failure of running.failures.slice(-10)) logger.error({ code: failure.code }, failure.message)
journal.close()
process.exit(running.failures.length === 0 ? 0 : 1)
