import { join } from 'node:path'
import { devDir } from './dev-env.ts'
import { readJson, removeFile, writeJson } from './json-file.ts'
import { isAlive } from './processes.ts'

/** The broker that `dev` runs in this checkout, as written down in `.dev/broker.json` once its streams are there. */
export interface BrokerRecord {
  /** The nats-server's process, and the task's that started it. */
  readonly pid: number
  readonly ownerPid: number
  /** New for each nats-server process: what answers with another id is another broker. */
  readonly serverId: string
  readonly url: string
  readonly port: number
  readonly monitorUrl?: string | undefined
}

export function recordBroker(record: BrokerRecord): void {
  writeJson(recordPath(), record)
}

/** The broker that was recorded last, whether it still runs or not. */
export function lastBroker(): BrokerRecord | undefined {
  return readJson<BrokerRecord>(recordPath()) as BrokerRecord | undefined
}

/** The recorded broker when both its processes live. */
export function recordedBroker(): BrokerRecord | undefined {
  const record = lastBroker()
  return isAlive(record?.pid) && isAlive(record?.ownerPid) ? record : undefined
}

/** Removes the record unless another `dev` has written its own meanwhile. */
export function forgetBroker(ownerPid: number): void {
  if (lastBroker()?.ownerPid === ownerPid) removeFile(recordPath())
}

function recordPath(): string {
  return join(devDir(), 'broker.json')
}
