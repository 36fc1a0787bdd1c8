import { setTimeout as sleep } from 'node:timers/promises'
import { readInfo } from '@alarm-bus/nats-server'
import { type BrokerRecord, lastBroker, recordedBroker } from './broker-record.ts'
import { isAlive, signalProcess } from './processes.ts'

const LOOK_MS = 300

/** The broker that another `dev` of this checkout runs; undefined when there is none. */
export async function runningBroker(): Promise<BrokerRecord | undefined> {
  const record = recordedBroker()
  return record && (await isTheOneThatAnswers(record)) ? record : undefined
}

/** Resolves when the broker's process, or the `dev` that keeps it, is gone. */
export async function untilGone(record: BrokerRecord, signal: AbortSignal): Promise<void> {
  while (!signal.aborted && isAlive(record.pid) && isAlive(record.ownerPid)) {
    await sleep(LOOK_MS, undefined, { signal }).catch(() => undefined)
  }
}

/** Ends a broker whose `dev` was killed before it could do so. */
export async function endOrphan(): Promise<void> {
  const record = lastBroker()
  if (!record || isAlive(record.ownerPid) || !isAlive(record.pid)) return
  // A process id alone proves nothing: the system gives it out again.
  if (!(await isTheOneThatAnswers(record))) return
  signalProcess(record.pid, 'SIGTERM')
  while (isAlive(record.pid)) await sleep(20)
}

async function isTheOneThatAnswers(record: BrokerRecord): Promise<boolean> {
  const info = await readInfo('127.0.0.1', record.port)
  return info?.serverId === record.serverId
}
