import { setTimeout as sleep } from 'node:timers/promises'
import { contracts } from '@alarm-bus/contracts'
import { type NatsServer, NatsServerError, readInfo } from '@alarm-bus/nats-server'
import { readApps } from '../apps/read-apps.ts'
import { type AppliedStream, applyStreams, type ApplyStreamsOptions } from '../apply-streams.ts'
import { readEnvironment } from '../config.ts'
import { describeApplied } from '../describe-applied.ts'
import { banner, untilAppsAreReady } from './banner.ts'
import { type BrokerRecord, forgetBroker, recordBroker } from './broker-record.ts'
import { deployedBy } from './deployed.ts'
import { appsOf, type TaskEnd, watchForTheEnd } from './end-signal.ts'
import { BrokerStartError, brokerPort, startOwnBroker } from './own-broker.ts'
import { isAlive } from './processes.ts'
import { say } from './say.ts'
import { endOrphan, runningBroker, untilGone } from './shared-broker.ts'

/** How long the broker waits, in milliseconds, for apps that hand in their last acks. */
const LAST_ACKS_MS = 8_000
/** How long another `dev` that started at the same time may take, in milliseconds, until its broker is recorded. */
const OTHER_MS = 3_000
const LOOK_MS = 50

/**
 * Runs until a signal: a broker of this checkout's own, or the one of another `dev` of it, or with NATS_SERVERS none.
 *
 * @throws BrokerStartError, NatsServerError when there is no broker to be had.
 */
export async function runBrokerTask(): Promise<void> {
  const end = watchForTheEnd()
  const external = process.env['NATS_SERVERS']
  if (external) return useExternal(external, end)
  let port: number | undefined
  while (!end.signal.aborted) {
    await endOrphan()
    const running = await runningBroker()
    if (!running) {
      await runOwn(port, end)
      continue
    }
    say(`using the broker at ${running.url} that another dev of this checkout runs (pid ${running.pid})`)
    announce({ url: running.url, note: 'run by another dev of this checkout' }, end)
    await untilGone(running, end.signal)
    if (!end.signal.aborted) say('that broker is gone; starting one in its place')
    // The apps know the old address.
    port = running.port
  }
}

/** It may be shared with others, so nothing on it is changed; what is missing is created. */
async function useExternal(servers: string, end: TaskEnd): Promise<void> {
  say(`NATS_SERVERS is set: using the broker at ${servers}; none is started`)
  announce({ url: servers, note: 'from NATS_SERVERS' }, end)
  try {
    await applyStreams({
      ...readEnvironment(process.env),
      streams: contracts.streams,
      consumers: await declared(),
      mode: 'create',
      onApplied: sayApplied,
    })
  } catch (error) {
    say(`the streams could not be created: ${(error as Error).message}; the apps say what they miss`)
  }
  await aborted(end.signal)
}

/** @returns after a signal, or when another `dev` was quicker. */
async function runOwn(port: number | undefined, end: TaskEnd): Promise<void> {
  let broker: NatsServer
  // What it would be refused with is said before there is a broker.
  readEnvironment(process.env)
  try {
    broker = await startOwnBroker(port)
  } catch (error) {
    // Two tasks may start at once; the one that lost uses the other's.
    if (error instanceof BrokerStartError && (await otherWasQuicker(port ?? brokerPort(), end.signal))) return
    throw error
  }
  const stopped = await Promise.race([serve(broker, end), broker.exited])
  if (stopped === 'aborted') return
  forgetBroker(process.pid)
  throw new NatsServerError(
    'exited_early',
    `the broker ended by itself (${stopped.signal ?? stopped.code}); its log is .dev/nats-server.log`,
  )
}

async function serve(broker: NatsServer, end: TaskEnd): Promise<'aborted'> {
  try {
    const servers = { NATS_SERVERS: broker.url }
    await applyStreams({
      ...readEnvironment({ ...process.env, ...servers }),
      streams: contracts.streams,
      consumers: await declared(),
      onApplied: sayApplied,
    })
    recordBroker(recordOf(broker))
    announce({ url: broker.url, note: `monitor: ${broker.monitorUrl}` }, end)
    await aborted(end.signal)
    await appsHaveEnded(end)
    return 'aborted'
  } finally {
    forgetBroker(process.pid)
    await broker.stop()
  }
}

/** The apps may be half written: then their consumers are made by the next `pnpm ops apply`, and they say so. */
async function declared(): Promise<NonNullable<ApplyStreamsOptions['consumers']>> {
  const apps = await readApps().catch((error: Error) => {
    say(`no consumers are made: ${error.message}`)
    return []
  })
  return { apps, contracts, deployed: deployedBy(process.env) }
}

function recordOf({ pid, serverId, url, port, monitorUrl }: NatsServer): BrokerRecord {
  return { pid, ownerPid: process.pid, serverId, url, port, monitorUrl }
}

function sayApplied(applied: AppliedStream): void {
  if (applied.action !== 'none') for (const line of describeApplied(applied)) say(line)
}

let isAnnounced = false

/** One banner, however often the broker changes. */
function announce(broker: { readonly url: string; readonly note: string }, { signal }: TaskEnd): void {
  if (isAnnounced) return
  isAnnounced = true
  const onSlow = (names: readonly string[]): void =>
    say(`still not ready: ${names.join(', ')}; their log lines say why`)
  void untilAppsAreReady(signal, onSlow).then((apps) => {
    if (!signal.aborted) say(banner(broker, apps))
  })
}

async function appsHaveEnded({ lineage }: TaskEnd): Promise<void> {
  const deadline = performance.now() + LAST_ACKS_MS
  while (performance.now() < deadline && appsOf(lineage.turboPid).some((app) => isAlive(app.pid))) await sleep(LOOK_MS)
}

async function otherWasQuicker(port: number, signal: AbortSignal): Promise<boolean> {
  const deadline = performance.now() + OTHER_MS
  // What holds the port and is no broker never becomes one.
  while (performance.now() < deadline && !signal.aborted && (await readInfo('127.0.0.1', port))) {
    if (await runningBroker()) return true
    await sleep(LOOK_MS)
  }
  return false
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
}
