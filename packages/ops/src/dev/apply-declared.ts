import { contracts } from '@alarm-bus/contracts'
import { readApps } from '../apps/read-apps.ts'
import { type AppliedStream, applyStreams, type ApplyStreamsOptions } from '../apply-streams.ts'
import { readEnvironment } from '../config.ts'
import { describeApplied } from '../describe-applied.ts'
import { deployedBy } from './deployed.ts'
import { say } from './say.ts'

/**
 * Makes the streams and consumers of dev's broker what the code declares that this process has loaded. Destroys nothing.
 *
 * @throws KitError as `applyStreams` does.
 */
export async function applyDeclared(servers: string, mode: 'apply' | 'create' = 'apply'): Promise<void> {
  await applyStreams({
    ...readEnvironment({ ...process.env, NATS_SERVERS: servers }),
    streams: contracts.streams,
    consumers: await declared(),
    mode,
    onApplied: sayApplied,
  })
}

/** The apps may be half written: then their consumers are made when they can be read, and the apps say what they miss. */
async function declared(): Promise<NonNullable<ApplyStreamsOptions['consumers']>> {
  const apps = await readApps().catch((error: Error) => {
    say(`no consumers are made: ${error.message}`)
    return []
  })
  return { apps, contracts, deployed: deployedBy(process.env) }
}

function sayApplied(applied: AppliedStream): void {
  if (applied.action !== 'none') for (const line of describeApplied(applied)) say(line)
}
