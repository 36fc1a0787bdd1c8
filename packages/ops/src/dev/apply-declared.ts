import { contracts } from '@alarm-bus/contracts'
import { type AppliedStream, applyStreams } from '../apply-streams.ts'
import { readEnvironment } from '../config.ts'
import { describeApplied } from '../describe-applied.ts'
import { say } from './say.ts'

/**
 * Makes the streams of dev's broker what the code declares that this process has loaded. Destroys nothing.
 *
 * @throws KitError as `applyStreams` does.
 */
export async function applyDeclared(servers: string, mode: 'apply' | 'create' = 'apply'): Promise<void> {
  await applyStreams({
    ...readEnvironment({ ...process.env, NATS_SERVERS: servers }),
    streams: contracts.streams,
    mode,
    onApplied: sayApplied,
  })
}

function sayApplied(applied: AppliedStream): void {
  if (applied.action !== 'none') for (const line of describeApplied(applied)) say(line)
}
