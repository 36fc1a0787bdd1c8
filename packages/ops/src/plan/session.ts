import { UsageError } from '@alarm-bus/command-line'
import { contracts } from '@alarm-bus/contracts'
import type { Connection } from '@alarm-bus/nats-kit'
import { advisoryStreamName, copiesWithoutReader } from '@alarm-bus/nats-kit/admin'
import { type JetStreamManager, jetstreamManager } from '@nats-io/jetstream'
import { readApps } from '../apps/read-apps.ts'
import { type AdminConfig } from '../config.ts'
import { connectAdmin, waitingSaid } from '../connect-admin.ts'
import { untilAnswered } from '../until-answered.ts'
import { type Declared, declare } from './declared.ts'
import { makePlan } from './make-plan.ts'
import { observe, type Observed } from './observe.ts'
import type { Plan, PlanOptions } from './plan.ts'
import type { Terminal } from './terminal.ts'

const CLOSE_TIMEOUT_MS = 2_000
const REQUEST_TIMEOUT_MS = 5_000

/** A plan together with what it was made of. */
export interface MadePlan {
  readonly plan: Plan
  readonly declared: Declared
  readonly observed: Observed
}

export interface Migrator {
  readonly connection: Connection
  readonly manager: JetStreamManager
}

/** A connection as the administrator, and plans made over it. Who opens it closes it. */
export interface PlanSession extends AsyncDisposable {
  readonly admin: Migrator
  make(options: PlanOptions): Promise<MadePlan>
  /** The one user that may destroy and migrate. @throws UsageError without its password. */
  asMigrator(): Promise<Migrator>
}

/** @throws KitError `authentication_failed` at once, `broker_unavailable` when `waitMs` is over. */
export async function openSession(
  config: AdminConfig,
  waitMs: number,
  { complain }: Pick<Terminal, 'complain'>,
): Promise<PlanSession> {
  const logger = waitingSaid('ops', complain)
  const deadline = performance.now() + waitMs
  const opened: Connection[] = []
  const open = async (of: AdminConfig, name: 'admin' | 'migrator'): Promise<Migrator> => {
    const connection = await connectAdmin(of, waitMs, logger, name)
    opened.push(connection)
    const manager = await jetstreamManager(connection.client, { checkAPI: false, timeout: REQUEST_TIMEOUT_MS })
    return { connection, manager }
  }
  const admin = await open(config, 'admin')
  return {
    admin,
    async make(options) {
      const declared = declare(contracts, options.streamsOnly ? undefined : await readApps(), options.replicas)
      const advisories = contracts.streams.map(({ name }) => advisoryStreamName(name))
      const streams = [...declared.streams.map(({ name }) => name), ...(options.streamsOnly ? [] : advisories)]
      const look = async (): Promise<Observed> => {
        const seen = await observe(admin.connection.client, streams)
        return options.streamsOnly ? seen : { ...seen, copies: await copiesOf(admin.connection) }
      }
      const observed = await untilAnswered(deadline, look, (why) => complain(`ops: waiting for an answer: ${why}`))
      const hasMigrator = config.auth === undefined || config.migratorAuth !== undefined
      return { plan: makePlan(declared, observed, options, hasMigrator), declared, observed }
    },
    async asMigrator() {
      if (config.auth === undefined) return admin
      if (config.migratorAuth === undefined)
        throw new UsageError(
          'NATS_MIGRATOR_PASSWORD (or NATS_MIGRATOR_NKEY_SEED) is not set; the admin is not allowed to destroy; nothing was done',
        )
      return open({ ...config, auth: config.migratorAuth }, 'migrator')
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(opened.map((connection) => connection.close(CLOSE_TIMEOUT_MS)))
    },
  }
}

async function copiesOf(connection: Connection): Promise<NonNullable<Observed['copies']>> {
  const found = contracts.streams.map(async ({ name }) => [name, await copiesWithoutReader(connection, name)] as const)
  return new Map(await Promise.all(found))
}
