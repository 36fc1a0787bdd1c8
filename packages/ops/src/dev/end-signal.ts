import { recordedApps } from './app-records.ts'
import { type Lineage, lineageOfThisProcess, whenOneEnds } from './lineage.ts'
import { commandOf, isAlive, signalProcess } from './processes.ts'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** What makes this task end, and whose task it is. */
export interface TaskEnd {
  readonly signal: AbortSignal
  readonly lineage: Lineage
}

/**
 * Aborts on a signal, and when the command that a person started is gone: then nothing else tells the other tasks, so
 * turbo is told to end, or the apps themselves where turbo was killed.
 */
export function watchForTheEnd(): TaskEnd {
  const controller = new AbortController()
  const lineage = lineageOfThisProcess()
  // A terminal and turbo may each send one; a second signal changes nothing.
  for (const name of SIGNALS) process.on(name, () => controller.abort(name))
  whenOneEnds(lineage, () => {
    if (isAlive(lineage.turboPid) && lineage.turboPid) signalProcess(lineage.turboPid, 'SIGTERM')
    else endApps(lineage.turboPid)
    controller.abort('the command is gone')
  })
  return { signal: controller.signal, lineage }
}

/** The apps of one turbo; each with its watcher, so that it is not started again. */
export function appsOf(turboPid: number | undefined) {
  return recordedApps().filter((app) => app.turboPid === turboPid)
}

function endApps(turboPid: number | undefined): void {
  for (const app of appsOf(turboPid)) {
    // The record may be old and the number given to another process since.
    if (commandOf(app.watcherPid).includes('--watch')) signalProcess(app.watcherPid, 'SIGTERM')
  }
}
