import { subscribe } from 'node:diagnostics_channel'
import { enableCompileCache } from 'node:module'
import type { AddressInfo, Server } from 'node:net'
import { basename, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { type AppRecord, recordApp } from './app-records.ts'
import { recordedBroker } from './broker-record.ts'
import { devDir, loadDevEnv } from './dev-env.ts'
import { lineageOfThisProcess, whenOneEnds } from './lineage.ts'
import { mergeRepeatedSignals } from './merge-signals.ts'
import { signalProcess, writesToTerminal } from './processes.ts'

// Runs in an app's process under `dev`, before its main.ts. An app itself knows nothing of `dev`.

const LOOK_MS = 20
const folder = process.cwd()

enableCompileCache(join(devDir(), 'compile-cache'))
loadDevEnv()
const lineage = lineageOfThisProcess()
const record: AppRecord = {
  name: basename(folder),
  pid: process.pid,
  watcherPid: process.ppid,
  turboPid: lineage.turboPid,
}
recordApp(record)
// turbo hands an app a pipe, also where it prints to a terminal itself.
if (lineage.turboPid !== undefined && writesToTerminal(lineage.turboPid)) process.env['LOG_FORMAT'] ||= 'pretty'
mergeRepeatedSignals()
endWithTheCommand()
announceWhereItListens()
// The modules load while the broker starts. An error in them is reported by main.ts, which meets it again.
const modules = import(pathToFileURL(join(folder, 'src/app.ts')).href).catch(() => undefined)
await waitForTheBroker()
await modules

/** Nothing may outlive a `dev` that was killed. The watcher ends, and takes this process along. */
function endWithTheCommand(): void {
  whenOneEnds(lineage, () =>
    signalProcess(record.watcherPid === process.ppid ? record.watcherPid : process.pid, 'SIGTERM'),
  )
}

/** The broker task, which runs beside this one, watches for it. */
function announceWhereItListens(): void {
  subscribe('tracing:net.server.listen:asyncEnd', (message) => {
    const address = (message as { server?: Server }).server?.address()
    if (typeof address === 'object' && address) recordApp({ ...record, url: urlOf(address) })
  })
}

/** An app that starts before the broker does would try again only after seconds. */
async function waitForTheBroker(): Promise<void> {
  while (!process.env['NATS_SERVERS']) {
    const broker = recordedBroker()
    if (broker) process.env['NATS_SERVERS'] = broker.url
    else await sleep(LOOK_MS)
  }
}

function urlOf({ address, port, family }: AddressInfo): string {
  if (address === '0.0.0.0' || address === '::') return `http://127.0.0.1:${port}`
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`
}
