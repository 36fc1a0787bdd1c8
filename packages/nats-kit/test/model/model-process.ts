import { setTimeout as sleep } from 'node:timers/promises'
import { connect, createSubscriber, DeadLetter, defineHandler, RetryLater } from '../../src/index.ts'
import { Journal } from '../faults/support/journal.ts'
import { linkToStarter } from '../faults/support/worker-link.ts'
import { QUICK_CONNECTION } from '../faults/support/worker-settings.ts'
import {
  ACK_WAIT_MS,
  type Action,
  actionOf,
  APPS,
  CONCURRENCY,
  HANDLER_GRACE_MS,
  MAX_HANDLER_MS,
  type ModelApp,
  modelContracts,
  type ModelMessage,
} from './model-contracts.ts'
import type { ModelQuestion, ModelSettings, Readiness } from './model-settings.ts'

/** One instance of every app of the model, as a process. It ends in good order at SIGTERM. */
const STOP_MS = 1_500
const SLOW_MS = 300
const LATER_MS = 200

const { settings, logger, terminated, onAsked } = linkToStarter<ModelSettings>()
const { channels, contracts } = modelContracts(settings.key)
const journal = new Journal(settings.journal)

const forever = (): Promise<never> => new Promise(() => undefined)

async function act(action: Action): Promise<void> {
  if (action === 'slow') await sleep(SLOW_MS)
  if (action === 'throw') throw new Error('told to fail')
  if (action === 'later') throw new RetryLater(LATER_MS)
  if (action === 'deadLetter') throw new DeadLetter('told to give up')
  if (action === 'hang') await forever()
  if (action === 'die') {
    process.kill(process.pid, 'SIGKILL')
    await forever()
  }
}

async function startApp({ name, mode, maxDeliver }: ModelApp) {
  const inboxPrefix = `_INBOX_${name}_${settings.key}`
  const connection = await connect({ ...QUICK_CONNECTION, servers: settings.servers, name, inboxPrefix }, { logger })
  const handlers = channels.map((channel) =>
    defineHandler(channel, async (message: ModelMessage, { deliveryCount }) => {
      journal.started(`${message.id}@${deliveryCount}`, name)
      if (!settings.isHealed) await act(actionOf(message, deliveryCount, maxDeliver))
      journal.handled(message.id, name)
    }),
  )
  const subscriber = createSubscriber(connection, {
    contracts,
    app: name,
    handlers,
    mode,
    maxDeliver,
    ackWaitMs: ACK_WAIT_MS,
    maxHandlerMs: MAX_HANDLER_MS,
    handlerGraceMs: HANDLER_GRACE_MS,
    concurrency: CONCURRENCY,
    idleHeartbeatMs: 500,
    retry: { baseMs: 50, factor: 2, capMs: 500 },
  })
  subscriber.start()
  return { name, connection, subscriber }
}

// An app that cannot connect waits for its broker, and answers meanwhile that it is not ready.
const started = APPS.map((app) => startApp(app))
const running = new Map<string, Awaited<ReturnType<typeof startApp>>>()
for (const starting of started) void starting.then((app) => running.set(app.name, app))

onAsked((ask) => {
  const question = ask as ModelQuestion
  if (question === 'readiness') return readiness()
  for (const { subscriber } of running.values()) {
    const resume = subscriber.pause('the model says so')
    setTimeout(resume, question.pauseMs)
  }
  return undefined
})

function readiness(): Readiness {
  return Object.fromEntries(
    APPS.map(({ name }) => [
      name,
      running
        .get(name)
        ?.subscriber.checks()
        .every(({ ok }) => ok) ?? false,
    ]),
  )
}

await terminated
await Promise.all([...running.values()].map(({ subscriber }) => subscriber.stop(STOP_MS)))
await Promise.all([...running.values()].map(({ connection }) => connection.close(STOP_MS)))
journal.close()
process.exit(0)
