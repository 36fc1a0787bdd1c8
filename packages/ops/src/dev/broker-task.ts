import { setTimeout as sleep } from 'node:timers/promises'
import { type NatsServer, NatsServerError, readInfo } from '@alarm-bus/nats-server'
import { readEnvironment } from '../config.ts'
import { applyDeclared } from './apply-declared.ts'
import { banner, untilAppsAreReady } from './banner.ts'
import { type BrokerRecord, forgetBroker, recordBroker } from './broker-record.ts'
import { loadDevEnv } from './dev-env.ts'
import { appsOf, type TaskEnd, watchForTheEnd } from './end-signal.ts'
import { DeclarationFollower } from './follow-declarations.ts'
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
  const follower = new DeclarationFollower(end.signal)
  let port: number | undefined
  while (!end.signal.aborted) {
    await endOrphan()
    const running = await runningBroker()
    if (!running) {
      port = await runOwn(port, follower, end)
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
    await applyDeclared(servers, 'create')
  } catch (error) {
    say(`the streams could not be created: ${(error as Error).message}; the apps say what they miss`)
  }
  await aborted(end.signal)
}

/** @returns after a signal, when another `dev` was quicker, or to be restarted; then the port that it had. */
async function runOwn(
  port: number | undefined,
  follower: DeclarationFollower,
  end: TaskEnd,
): Promise<number | undefined> {
  let broker: NatsServer
  // A new app brings a password with it.
  loadDevEnv()
  // What it would be refused with is said before there is a broker.
  readEnvironment(process.env)
  await follower.beforeTheBrokerStarts()
  if (end.signal.aborted) return port
  try {
    broker = await startOwnBroker(port)
  } catch (error) {
    // Two tasks may start at once; the one that lost uses the other's.
    if (error instanceof BrokerStartError && (await otherWasQuicker(port ?? brokerPort(), end.signal))) return port
    throw error
  }
  try {
    const exit = await Promise.race([serve(broker, follower, end), broker.exited])
    if (exit === 'served') return broker.port
    throw new NatsServerError(
      'exited_early',
      `the broker ended by itself (${exit.signal ?? exit.code}); its log is .dev/nats-server.log`,
    )
  } finally {
    forgetBroker(process.pid)
    await broker.stop()
  }
}

/** Until `dev` ends, or the broker has to be restarted. */
async function serve(broker: NatsServer, follower: DeclarationFollower, end: TaskEnd): Promise<'served'> {
  await (follower.isUpToDate ? applyDeclared(broker.url) : follower.apply(broker.url))
  recordBroker(recordOf(broker))
  announce({ url: broker.url, note: `monitor: ${broker.monitorUrl}` }, end)
  await follower.untilTheBrokerIsOutdated(broker.url)
  if (end.signal.aborted) await appsHaveEnded(end)
  return 'served'
}

function recordOf({ pid, serverId, url, port, monitorUrl }: NatsServer): BrokerRecord {
  return { pid, ownerPid: process.pid, serverId, url, port, monitorUrl }
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
