import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startTestBroker } from '../../../src/testing.ts'
import type { OnEnd } from './scene.ts'

/** A user, with the broker's own text for its permissions. */
export interface User {
  readonly user: string
  readonly permissions?: string
}

export interface ReloadedBroker {
  readonly url: string
  /** Writes the users anew and has the broker read them; connections of those that changed are told or closed. */
  reload(users: readonly User[]): void
}

/** The password of every user. */
export const PASSWORD = 'p'

export async function startReloadedBroker(onEnd: OnEnd, users: readonly User[]): Promise<ReloadedBroker> {
  const folder = mkdtempSync(join(tmpdir(), 'kit-faults-conf-'))
  onEnd(async () => rmSync(folder, { recursive: true, force: true }))
  const config = join(folder, 'nats.conf')
  const write = (all: readonly User[]): void => {
    const lines = all.map(
      ({ user, permissions }) =>
        `{ user: ${user}, password: ${PASSWORD}${permissions ? `, permissions: ${permissions}` : ''} }`,
    )
    writeFileSync(config, `authorization { users = [ ${lines.join('\n')} ] }\n`)
  }
  write(users)
  const broker = await startTestBroker({ config })
  onEnd(() => broker.stop())
  return {
    url: broker.url,
    reload(all) {
      write(all)
      process.kill(broker.pid, 'SIGHUP')
    },
  }
}
