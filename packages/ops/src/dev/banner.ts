import { setTimeout as sleep } from 'node:timers/promises'
import { type AppRecord, recordedApps } from './app-records.ts'

const LOOK_MS = 40
/** Apps that start together register within this time, in milliseconds. */
const QUIET_MS = 300
/** Past this, the banner says which apps are not ready and why that may be. */
const PATIENCE_MS = 20_000

/** An app that listens. */
type ListeningApp = AppRecord & { readonly url: string }

/** Waits until every app that was started answers that it is ready, and no other has been started for a moment. */
export async function untilAppsAreReady(
  signal: AbortSignal,
  onSlow: (names: readonly string[]) => void,
): Promise<readonly ListeningApp[]> {
  let known = ''
  let quietSince = performance.now()
  let slowAt = performance.now() + PATIENCE_MS
  while (!signal.aborted) {
    const apps = recordedApps()
    const names = apps.map((app) => app.name).join()
    if (names !== known) {
      quietSince = performance.now()
      known = names
    }
    const ready = await Promise.all(apps.map(isReady))
    const isQuiet = performance.now() - quietSince >= QUIET_MS
    if (apps.length > 0 && isQuiet && ready.every(Boolean)) return apps.filter(listens)
    if (performance.now() > slowAt && apps.length > 0) {
      onSlow(apps.filter((_, index) => !ready[index]).map((app) => app.name))
      slowAt = Number.POSITIVE_INFINITY
    }
    await sleep(LOOK_MS, undefined, { signal }).catch(() => undefined)
  }
  return []
}

function listens(app: AppRecord): app is ListeningApp {
  return app.url !== undefined
}

async function isReady(app: AppRecord): Promise<boolean> {
  if (!listens(app)) return false
  try {
    const response = await fetch(new URL('/readyz', app.url), { signal: AbortSignal.timeout(1_000) })
    await response.arrayBuffer()
    return response.ok
  } catch {
    return false
  }
}

/** What a person does with an app that has pages. */
const NOTES: Readonly<Record<string, (url: string) => string>> = {
  console: () => 'see the bus in a browser',
  producer: (url) => `try it in a browser: ${url}/docs`,
}

/** What listens where, and a line to try. */
export function banner(broker: { readonly url: string; readonly note: string }, apps: readonly ListeningApp[]): string {
  const rows: (readonly [string, string, string])[] = [['broker', broker.url, broker.note]]
  for (const app of apps.toSorted((a, b) => a.url.localeCompare(b.url))) {
    rows.push([app.name, app.url, NOTES[app.name]?.(app.url) ?? ''])
  }
  const producer = apps.find((app) => app.name === 'producer')
  const lines = rows.map(([name, url, note]) => `  ${name.padEnd(16)}${url.padEnd(28)}${note}`.trimEnd())
  const rule = '─'.repeat(78)
  return [
    '',
    rule,
    '  The alarm bus is ready.',
    '',
    ...lines,
    ...(producer ? ['', ...tryIt(producer.url)] : []),
    rule,
    '',
  ].join('\n')
}

function tryIt(url: string): readonly string[] {
  return [
    '  Send an alarm; both consumers log what they do with it:',
    '',
    `  curl -i ${url}/channels/alarm-to-bot/messages -H 'content-type: application/json' -d '{"message":"Disk is full"}'`,
  ]
}
