import type { FieldChange } from '@alarm-bus/nats-kit'
import {
  configHash,
  type DeclaredStreamConfig,
  migrationName,
  planStream,
  redriveStreamName,
  taggedHash,
} from '@alarm-bus/nats-kit/admin'
import type { StreamInfo } from '@nats-io/jetstream'
import type { Declared } from './declared.ts'
import { dropsOf } from './drops.ts'
import type { Observed } from './observe.ts'
import { type Change, destroys, type FieldUpdate, nameOf, type Note, type Plan, type PlanOptions } from './plan.ts'
import { advisoryStreamsOf, planAdvisories } from './plan-advisories.ts'
import { planConsumers } from './plan-consumers.ts'
import { planWatches } from './plan-watches.ts'
import { lasting, sealOf } from './plan-seal.ts'

/** What it takes to make the broker what is declared. Changes nothing. */
export function makePlan(
  declared: Declared,
  observed: Observed,
  options: PlanOptions,
  /** Whether a migrator is at hand, without whom nothing is retired. */
  hasMigrator = true,
): Plan {
  const consumers = declared.consumers && planConsumers(declared.consumers, observed, options.mode)
  const advisories = planAdvisories(declared, observed, hasMigrator)
  const unknown = [...unknownStreams(declared, observed), ...(consumers?.unknown ?? [])]
  const doomed = unknown.filter((note) => options.destroy.includes(nameOf(note)))
  const changes: Change[] = [
    ...declared.streams.flatMap((one) => streamChange(one, observed, options)),
    ...planWatches(declared.cursors ?? [], observed),
    // What is retired changes consumers as well, and is done before they are held to what is declared.
    ...advisories.changes,
    ...(consumers?.changes ?? []),
    ...returns(observed),
    ...doomed.map(destruction),
  ]
  const named = new Set(changes.filter(destroys).map(nameOf))
  const idle = options.destroy.filter((name) => !named.has(name)).map((name) => nothingToDestroy(name, observed))
  const notes = [
    ...idle,
    ...(consumers?.notes ?? []),
    ...advisories.notes,
    ...unknown.filter((note) => !doomed.includes(note)),
  ]
  const fingerprint = fingerprintOf(declared, observed, changes)
  const plan = { version: 1, options, fingerprint, changes, notes } as const
  return { ...plan, seal: sealOf(plan) }
}

function streamChange(
  declared: DeclaredStreamConfig,
  { streams, consumers }: Observed,
  options: PlanOptions,
): readonly Change[] {
  const live = streams.get(declared.name)
  // What it was is in the copy, whatever stands in its place.
  if (streams.has(migrationName(declared.name)))
    return [{ action: 'migrate', stream: declared.name, fields: [], resumes: true }]
  const readers = consumers.filter(({ stream_name: name }) => name === declared.name)
  const plan = planStream(declared, live?.config, { ignoreReplicas: options.replicas === undefined })
  const { stream } = plan
  switch (plan.action) {
    case 'none':
      return []
    case 'create':
      return [creation(declared)]
    case 'update': {
      const because = plan.changes.some(({ field }) => isDeclared(field)) ? reasonOf(declared, live) : undefined
      const drops = dropsOf(plan.changes, live, readers)
      return [
        {
          action: 'update',
          stream,
          fields: plan.changes.map(toUpdate),
          ...(because && { because }),
          ...(drops.length > 0 && { drops }),
        },
      ]
    }
    case 'refuse': {
      const fields = plan.changes.map(toUpdate)
      if (canMigrate(plan.changes)) {
        const drops = dropsOf(plan.changes, live, readers)
        return [{ action: 'migrate', stream, fields, ...(drops.length > 0 && { drops }) }]
      }
      // Nothing can be carried over, and it was confirmed that it may go.
      if (options.destroy.includes(stream))
        return [{ action: 'destroy', stream, messages: live?.state.messages ?? 0 }, creation(declared)]
      const wayOut = `declare what is there; or, when what is in it may go, --allow-destroy --destroy ${stream}`
      return [{ action: 'blocked', stream, fields, wayOut }]
    }
  }
}

function returns({ copies }: Observed): readonly Change[] {
  return [...(copies ?? [])].flatMap(([of, some]) =>
    some.map((one) => ({ action: 'return' as const, stream: redriveStreamName(of), of, ...one })),
  )
}

/** It was asked for, and it is done: by an earlier run, as a rule. */
function nothingToDestroy(name: string, { streams, consumers }: Observed): Note {
  const isThere = streams.has(name) || consumers.some((one) => `${one.stream_name}/${one.name}` === name)
  return { kind: 'nothing_to_destroy', stream: name, isThere }
}

/** Part of what is hashed: copies are a deployment's, and metadata is the hash's own place. */
function isDeclared(field: string): boolean {
  return field !== 'num_replicas' && !field.startsWith('metadata.')
}

function destruction({ stream, consumer, messages }: Note & { kind: 'unknown' }): Change {
  return { action: 'destroy', stream, ...(consumer !== undefined && { consumer }), messages }
}

function creation({ name: stream, ...declared }: DeclaredStreamConfig): Change {
  const fields = Object.entries(declared).map(([field, after]) => ({ field, before: null, after }))
  return { action: 'create', stream, fields }
}

/** A queue's messages are gone for the copy as well once one reader has them, so there is nothing to carry over. */
function canMigrate(changes: readonly FieldChange[]): boolean {
  return changes.every(({ field, live, declared }) => field !== 'retention' || live === declared)
}

function reasonOf(declared: DeclaredStreamConfig, live: StreamInfo | undefined) {
  const tagged = taggedHash(live?.config.metadata)
  if (tagged === undefined) return undefined
  return tagged === taggedHash(declared.metadata) ? 'changed by hand' : 'declared otherwise since'
}

function unknownStreams({ contracts, streams }: Declared, observed: Observed): readonly (Note & { kind: 'unknown' })[] {
  const advisories = advisoryStreamsOf(contracts, observed).map(({ info }) => info.config.name)
  const known = new Set([...streams.flatMap(({ name }) => [name, migrationName(name)]), ...advisories])
  return [...observed.streams.values()]
    .filter(({ config }) => !known.has(config.name))
    .map(({ config, state }) => ({ kind: 'unknown', stream: config.name, messages: state.messages }))
}

/** A recreated stream is another one, whatever its configuration. What comes in meanwhile changes nothing. */
function fingerprintOf(declared: Declared, observed: Observed, changes: readonly Change[]): string {
  const streams = [...observed.streams.values()]
    .map(({ config, created }) => ({ config, created }))
    .sort((a, b) => (a.config.name < b.config.name ? -1 : 1))
  const consumers = observed.consumers
    .filter(({ stream_name: stream, name }) => changes.some((change) => nameOf(change) === `${stream}/${name}`))
    .map(({ stream_name, name, created }) => ({ stream_name, name, created }))
  return configHash({ declared: declared.streams, streams, consumers, changes: changes.map(lasting) })
}

/** JSON has no undefined, and a field that is left out would look forgotten. */
function toUpdate({ field, live, declared }: FieldChange): FieldUpdate {
  return { field, before: live ?? null, after: declared ?? null }
}
