import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { alarmToBot, alarmToLog } from '@alarm-bus/contracts'
import { type NatsServer, startTestBroker, waitFor } from '@alarm-bus/nats-kit/testing'
import { startConsumer, startPublishing } from '../stack.ts'
import type { TestDatabase } from './databases.ts'

export interface KillRunOptions {
  readonly database: TestDatabase
  /** How long messages are published and processes killed, in milliseconds. */
  readonly forMs: number
  /** Messages a second. */
  readonly rate: number
  /** On a busy machine it goes on for longer, until so many were killed. */
  readonly leastKills?: number
  /** A process lives from this to twice this after its start, in milliseconds, and mostly dies at work. */
  readonly leastLifeMs: number
}

export interface KillRunReport {
  /** Messages that the broker has acknowledged. */
  readonly acked: number
  readonly rows: number
  /** Rows whose stream and sequence another row has too. */
  readonly twice: number
  /** Messages without a row. */
  readonly missing: number
  readonly kills: number
  /** Deliveries that found their alarm stored already: the process before was killed between commit and ack. */
  readonly redelivered: number
  readonly deadLetters: number
}

/** Publishes on both channels while two instances of the app are killed at random, and counts what the database has then. */
export async function killRun(options: KillRunOptions): Promise<KillRunReport> {
  const { database, forMs, rate, leastLifeMs, leastKills = 0 } = options
  await using broker = await startTestBroker()
  const bus = await startPublishing(broker.url)
  // A killed process's messages come again after the ack wait. Many may be killed in a row with one and the same message.
  const environment = {
    ...database.environment,
    ACK_WAIT_MS: '1000',
    MAX_DELIVER: '100',
    LOG_LEVEL: 'debug',
    // Starts are most of the work here.
    NODE_COMPILE_CACHE: join(broker.storeDir, 'compile-cache'),
  }
  const endsAt = performance.now() + forMs
  const seqs = new Set<number>()
  let kills = 0
  let redelivered = 0
  let deadLetters = 0
  const goesOn = (): boolean => performance.now() < endsAt || kills < leastKills

  const publish = async (): Promise<void> => {
    const sent: Promise<unknown>[] = []
    const startedAt = performance.now()
    for (let index = 0; goesOn(); index++) {
      const channel = index % 2 === 0 ? alarmToBot : alarmToLog
      sent.push(bus.publisher.publish(channel, { message: `alarm ${index}` }).then(({ seq }) => seqs.add(seq)))
      const aheadMs = (index / rate) * 1_000 - (performance.now() - startedAt)
      if (aheadMs > 5) await sleep(aheadMs)
    }
    await Promise.all(sent)
  }
  const liveAndDie = async (): Promise<void> => {
    while (goesOn()) {
      const app = startConsumer(broker.url, environment)
      await app.line('listening', { deadlineMs: 30_000 })
      await sleep(leastLifeMs * (1 + Math.random()))
      await app.kill()
      kills++
      redelivered += app.lines.filter(({ event }) => event === 'logKnown').length
      deadLetters += app.lines.filter(({ event }) => event === 'deadLetterStored').length
    }
  }
  await Promise.all([publish(), liveAndDie(), liveAndDie()])

  await using last = startConsumer(broker.url, environment)
  const rowsOf = async (): Promise<readonly { readonly seq: number }[]> =>
    (await database.query<{ seq: unknown }>('select seq from logs')).map(({ seq }) => ({ seq: Number(seq) }))
  await waitFor(async () => new Set((await rowsOf()).map(({ seq }) => seq)).size >= seqs.size, {
    what: 'every acknowledged message has a row',
    deadlineMs: 60_000,
    everyMs: 200,
  }).catch(() => undefined)
  // What was with a killed process comes again; once nothing waits for an ack, nothing can be added any more.
  await waitFor(async () => (await unsettledOf(broker)) === 0, {
    what: 'every message is acknowledged by the app',
    deadlineMs: 60_000,
    everyMs: 100,
  })
  const rows = await rowsOf()
  const stored = new Set(rows.map(({ seq }) => seq))
  redelivered += last.lines.filter(({ event }) => event === 'logKnown').length
  await bus.stop(5_000)
  return {
    acked: seqs.size,
    rows: rows.length,
    twice: rows.length - stored.size,
    missing: [...seqs].filter((seq) => !stored.has(seq)).length,
    kills,
    redelivered,
    deadLetters,
  }
}

interface Jsz {
  readonly account_details: readonly {
    readonly stream_detail: readonly {
      readonly consumer_detail?: readonly {
        readonly name: string
        readonly num_pending: number
        readonly num_ack_pending: number
      }[]
    }[]
  }[]
}

/** Messages that the app's two consumers have not acknowledged, as the broker counts them. */
async function unsettledOf({ monitorUrl }: NatsServer): Promise<number> {
  const { account_details } = (await (await fetch(`${monitorUrl}/jsz?consumers=true`)).json()) as Jsz
  const consumers = account_details
    .flatMap(({ stream_detail }) => stream_detail)
    .flatMap(({ consumer_detail = [] }) => consumer_detail)
    .filter(({ name }) => /^log-consumer_alarm-to-(bot|log)$/.test(name))
  if (consumers.length !== 2) throw new Error(`the broker knows ${consumers.length} of the app's two consumers`)
  return consumers.reduce((sum, { num_pending, num_ack_pending }) => sum + num_pending + num_ack_pending, 0)
}
