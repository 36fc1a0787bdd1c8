import { defineHandler, handleVersions, createBus } from '../../src/index.ts'
import { waitFor } from '../../src/testing.ts'
import { Journal } from '../faults/support/journal.ts'
import { linkToStarter } from '../faults/support/worker-link.ts'
import { startWriters } from '../faults/support/writers.ts'
import { type Release, versionContracts } from './contracts.ts'

/** An app as a process, built with the old contracts or the new ones; it ends in good order at SIGTERM. */
export interface AppSettings {
  readonly role: 'producer' | 'consumer'
  readonly release: Release
  readonly servers: readonly string[]
  readonly key: string
  /** The journal's folder. */
  readonly journal: string
  /** Ids that it publishes begin with it. */
  readonly name: string
}

const STOP_MS = 10_000

const { settings, logger, ready, terminated } = linkToStarter<AppSettings>()
const { role, release, servers, key, name } = settings
const { contracts, first, second } = versionContracts(key, release)
const journal = new Journal(settings.journal)

/** What it is given is what its release knows, whichever version came. */
const handlers =
  release === 'old'
    ? [defineHandler(first, ({ id, name }) => journal.handled(id, name === `Ada ${id}` ? 'app' : 'wrong'))]
    : handleVersions(second, ({ id, names }) => journal.handled(id, names.join() === `Ada,${id}` ? 'app' : 'wrong'))

const bus = createBus({
  contracts,
  connection: { name: role, servers, inboxPrefix: `_INBOX_${role}_${key}` },
  logger,
  // As in production: the streams are set up by somebody else.
  streams: { mode: 'verify' },
  ...(role === 'producer' ? { publisher: {} } : { subscriber: { handlers, ackWaitMs: 60_000 } }),
})
void bus.start()
await waitFor(() => bus.health().ready, { deadlineMs: 30_000 })

const writers =
  role === 'producer'
    ? startWriters({
        name,
        journal,
        writers: 2,
        pauseMs: 5,
        publish: (id) =>
          release === 'old'
            ? bus.publisher.publish(first, { id, name: `Ada ${id}` }, { id })
            : bus.publisher.publish(second, { id, names: ['Ada', id] }, { id }),
      })
    : undefined
ready()

await terminated
await writers?.stop()
const { clean } = await bus.stop(STOP_MS)
for (const failure of writers?.failures ?? []) logger.error({ code: failure.code }, failure.message)
journal.close()
process.exit(clean && (writers?.failures ?? []).length === 0 ? 0 : 1)
