import { setTimeout as sleep } from 'node:timers/promises'
import type * as Contracts from '@alarm-bus/contracts'
import { z } from 'zod'
import type * as Kit from '../../src/index.ts'
import { Journal } from '../faults/support/journal.ts'
import { linkToStarter } from '../faults/support/worker-link.ts'
import { QUICK_CONNECTION } from '../faults/support/worker-settings.ts'
import { kindOf } from './rolling-kind.ts'

/** An app as a process, with the kit of before 1.0 or the present one. It handles by what the id says. */
export interface RollingSettings {
  /** What `import()` takes. */
  readonly kit: string
  readonly contracts: string
  /** The name of its connection: which kit it has. */
  readonly name: 'old' | 'new'
  readonly servers: readonly string[]
  readonly key: string
  readonly journal: string
  /** How it brings its streams about. */
  readonly streams: 'apply' | 'verify'
}

const STOP_MS = 10_000
const ACK_WAIT_MS = 1_000

const { settings, logger, ready, terminated } = linkToStarter<RollingSettings>()
const { key, name, servers, streams } = settings
// Both have what is used here.
const kit = (await import(settings.kit)) as typeof Kit
const { defineChannel, defineContracts, defineStream } = (await import(settings.contracts)) as typeof Contracts

const channel = defineChannel({
  name: 'alarm',
  subject: `${key}.alarm`,
  description: 'What the journal knows by its id.',
  schema: z.object({ id: z.string() }),
})
const stream = defineStream({
  name: `R_${key}`,
  description: 'Alarms.',
  channels: [channel],
  maxAgeMs: 3_600_000,
  maxMessages: 1_000_000,
  maxBytes: 256 * 1024 * 1024,
  discard: 'new',
})
const journal = new Journal(settings.journal)

const handler = kit.defineHandler(channel, async ({ id }, { deliveryCount, signal }) => {
  const kind = kindOf(id)
  journal.started(id, name)
  if (kind === 'never') throw new Error('as always')
  if (kind === 'second' && deliveryCount < 2) throw new Error('not at the first delivery')
  if (kind === 'third' && deliveryCount < 3) throw new Error('not before the third delivery')
  // Until it is killed; the present kit's is told to stop and does.
  if (kind === 'hang' && name === 'old') await new Promise(() => undefined)
  await sleep(5 + Math.random() * 20, undefined, { signal })
  journal.handled(id)
})

const connection = await kit.connect(
  { ...QUICK_CONNECTION, name, servers, inboxPrefix: `_INBOX_${name}_${key}` },
  { logger },
)
// The first of each release applies its streams, as `pnpm ops apply` does before one; all others keep what is there.
await kit.ensureStreams(connection, [stream], { mode: streams })
const subscriber = kit.createSubscriber(connection, {
  contracts: defineContracts({ channels: [channel], streams: [stream] }),
  app: 'app',
  handlers: [handler],
  ackWaitMs: ACK_WAIT_MS,
  maxHandlerMs: 2 * ACK_WAIT_MS,
  maxDeliver: 3,
  concurrency: 32,
  retry: { baseMs: 50, factor: 2, capMs: 1_000 },
})
subscriber.start()
const isRunning = setInterval(() => {
  if (!subscriber.checks().every(({ ok }) => ok)) return
  clearInterval(isRunning)
  ready()
}, 20)

await terminated
clearInterval(isRunning)
const abandoned = await subscriber.stop(STOP_MS)
await connection.close(STOP_MS)
journal.close()
process.exit(abandoned.length === 0 ? 0 : 1)
