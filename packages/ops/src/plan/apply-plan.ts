import { UsageError } from '@alarm-bus/command-line'
import { errorText, KitError, KitErrorCode } from '@alarm-bus/nats-kit'
import {
  type DeclaredStreamConfig,
  ensureWatchConsumer,
  isWatchConsumer,
  type WatchCursor,
} from '@alarm-bus/nats-kit/admin'
import { JetStreamApiError } from '@nats-io/jetstream'
import { changeConsumer } from './change-consumer.ts'
import type { Declared } from './declared.ts'
import { resumeConsumer } from './drain-consumer.ts'
import { migrateStream } from './migrate-stream.ts'
import { moveConsumer } from './move-consumer.ts'
import type { Observed } from './observe.ts'
import type { Patience } from './patience.ts'
import { type Change, destroys, type FieldUpdate, nameOf, type Plan } from './plan.ts'
import { PlanError } from './plan-error.ts'
import { retireAdvisories } from './retire-advisories.ts'
import { returnCopies } from './return-copies.ts'
import type { Migrator, PlanSession } from './session.ts'

const AGAIN = 'run `pnpm ops apply` again'

/** What a person has to say on top of a plan that destroys. */
export interface Confirmation {
  readonly allowDestroy: boolean
  /** The names, typed out. */
  readonly destroy: readonly string[]
}

/** @throws PlanError where part of the plan cannot be done, or would destroy what was not confirmed. */
export function checkConfirmed({ changes, notes }: Plan, { allowDestroy, destroy }: Confirmation): void {
  const blocked = changes.find(({ action }) => action === 'blocked')
  if (blocked)
    throw new PlanError('blocked', `${nameOf(blocked)} cannot be changed to what is declared; nothing was done`)
  const doomed = changes.filter(destroys).map(nameOf)
  const unsaid = doomed.filter((name) => !destroy.includes(name))
  if (doomed.length > 0 && (!allowDestroy || unsaid.length > 0)) {
    const flags = ['--allow-destroy', ...doomed.map((name) => `--destroy ${name}`)].join(' ')
    throw new PlanError(
      'not_confirmed',
      `the plan destroys ${doomed.join(', ')}, or messages of it; it needs ${flags}; nothing was done`,
    )
  }
  const done = new Set(notes.filter(({ kind }) => kind === 'nothing_to_destroy').map(nameOf))
  const idle = destroy.find((name) => !doomed.includes(name) && !done.has(name))
  if (idle !== undefined)
    throw new PlanError('not_confirmed', `the plan does not destroy ${idle}; make one that does; nothing was done`)
}

const BY_MIGRATOR: ReadonlySet<Change['action']> = new Set(['migrate', 'move', 'retire', 'return', 'resume'])
const NEWER_FILE = 'reload the broker with the nats.admin.conf of this release, then apply once more'
/** The server's status where it cannot answer at the moment. */
const UNAVAILABLE = 503

/** The admin may remove consumers, but no stream. */
function needsMigrator(change: Change): boolean {
  if (change.action === 'destroy') return change.consumer === undefined
  return BY_MIGRATOR.has(change.action)
}

/**
 * Does the plan's changes, one after the other. The caller has just made sure that the plan is the broker's.
 *
 * @throws KitError `stream_refused` or `broker_unavailable`, PlanError `not_settled`, `interrupted` or `unfinished`, each
 * naming the change; what was done before it stays done and was told to `onDone`.
 */
export async function applyPlan(
  { admin, asMigrator }: Pick<PlanSession, 'admin' | 'asMigrator'>,
  { changes, options }: Plan,
  declared: Declared,
  observed: Observed,
  /** How long consumers and copies may take together. */
  patience: Patience,
  onDone: (change: Change, said?: string) => void,
): Promise<void> {
  const { manager } = admin
  // Opened before anything is done: a user that is missing must not leave half a plan.
  const migrator = changes.some(needsMigrator) ? await asMigrator() : undefined
  for (const change of changes) {
    if (patience.isInterrupted)
      throw new PlanError('interrupted', `interrupted before ${nameOf(change)}; ${AGAIN} to do what is left`)
    try {
      if (isCursor(change)) await makeCursor(change)
      else onDone(change, await apply(change))
    } catch (error) {
      throw failureOf(change, error)
    }
  }

  /** A broker with an older nats.admin.conf lacks the right, and nothing else waits for the cursor. */
  async function makeCursor(change: Change & { readonly action: 'create' | 'update' }): Promise<void> {
    const { stream, consumer, fields } = change
    const cursor = declared.cursors?.find((one) => one.stream === stream)
    try {
      await ensureWatchConsumer(manager, cursor as WatchCursor)
      onDone(change)
    } catch (error) {
      if (!KitError.is(error, KitErrorCode.PermissionDenied)) throw error
      onDone(
        { action: 'blocked', stream, fields, wayOut: NEWER_FILE, ...(consumer !== undefined && { consumer }) },
        `${error.message}; ${NEWER_FILE}`,
      )
    }
  }

  /** What is to be said of it beside that it is done. */
  async function apply(change: Change): Promise<string | undefined> {
    if (change.action === 'retire') return retireAdvisories(migrator as Migrator, change, declared.contracts, patience)
    if (change.action === 'return') return returnCopies(migrator as Migrator, change, declared.contracts, patience)
    await applyOne(change)
    return undefined
  }

  async function applyOne(change: Exclude<Change, { action: 'retire' | 'return' }>): Promise<unknown> {
    const { stream } = change
    const operator = migrator ?? admin
    switch (change.action) {
      case 'create':
      case 'update': {
        const { consumer } = change
        if (consumer !== undefined)
          return changeConsumer(manager, { ...change, consumer }, declared.consumers ?? [], options.mode)
        if (change.action === 'create') return manager.streams.add(declaredStream(stream))
        const config = withCopies(declaredStream(stream))
        const live = observed.streams.get(stream)?.config
        // The client merges this with what is there, so fields that are not declared stay.
        return manager.streams.update(stream, {
          ...config,
          ...unsetting(change.fields, config),
          metadata: { ...live?.metadata, ...config.metadata },
        })
      }
      case 'migrate':
        return migrateStream(operator, withCopies(declaredStream(stream)), patience)
      case 'move':
        return moveConsumer(operator.manager, stream, change.consumer, change.fields, patience)
      case 'resume':
        return resumeConsumer(operator.manager, stream, change.consumer)
      case 'destroy':
        return change.consumer === undefined
          ? operator.manager.streams.delete(stream)
          : manager.consumers.delete(stream, change.consumer)
      case 'blocked':
        return undefined
    }
  }

  /** As many as there are, unless a number was given. */
  function withCopies(config: DeclaredStreamConfig): DeclaredStreamConfig {
    const live = observed.streams.get(config.name)?.config
    return { ...config, num_replicas: options.replicas ?? live?.num_replicas ?? config.num_replicas }
  }

  function declaredStream(name: string): DeclaredStreamConfig {
    return declared.streams.find((one) => one.name === name) as DeclaredStreamConfig
  }
}

/** What is not declared and the plan unsets; without a value of its own it is left out of what the client merges. */
function unsetting(fields: readonly FieldUpdate[], config: DeclaredStreamConfig): Readonly<Record<string, unknown>> {
  const undeclared = fields.filter(({ field }) => !(field in config) && !field.startsWith('metadata.'))
  return Object.fromEntries(undeclared.map(({ field, after }) => [field, after ?? undefined]))
}

function failureOf(change: Change, error: unknown): unknown {
  const name = nameOf(change)
  if (error instanceof PlanError)
    return new PlanError(error.code, `${name}: ${error.message}; ${AGAIN}`, { cause: error })
  if (error instanceof KitError || error instanceof UsageError) return error
  if (error instanceof JetStreamApiError && error.status !== UNAVAILABLE)
    return new KitError(KitErrorCode.StreamRefused, `the server refused ${name}: ${error.message}`, {
      cause: error,
      brokerCode: error.code,
    })
  const text = errorText(error)
  if (/permissions violation/i.test(text))
    return new KitError(KitErrorCode.PermissionDenied, `${name}: this user may not (${text}); ${NEWER_FILE}`, {
      cause: error,
    })
  const what = `the broker went away before it was known to be done (${change.action}: ${text})`
  return new KitError(KitErrorCode.BrokerUnavailable, `${name}: ${what}; ${AGAIN}`, { cause: error })
}

/** Of dead letters, for the app that watches them: it belongs to no app. */
function isCursor(change: Change): change is Change & { readonly action: 'create' | 'update' } {
  if (change.action !== 'create' && change.action !== 'update') return false
  const { stream, consumer } = change
  return consumer !== undefined && isWatchConsumer({ stream, consumer })
}
