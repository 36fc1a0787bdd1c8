import { defineChannel, defineStream, type StreamOptions } from '@alarm-bus/contracts'
import type { StreamConfig } from '@nats-io/jetstream'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { withCompanions } from './companion-streams.ts'
import { describeChange, planStream } from './plan.ts'
import { toStreamConfig } from './to-stream-config.ts'

const MIB = 1024 * 1024
const channel = (name: string) => defineChannel({ name, subject: name, description: 'x', schema: z.object({}) })
const declared = toStreamConfig(
  defineStream({
    name: 'S',
    description: 'x',
    channels: [channel('b'), channel('a')],
    maxAgeMs: 600_000,
    maxMessages: 5,
    maxBytes: 9,
  }),
)
const live = (changes: Partial<StreamConfig> = {}) => ({ ...declared, ...changes }) as StreamConfig

test('the order of subjects and what the server leaves out are no differences', () => {
  expect(planStream(declared, live({ subjects: ['b', 'a'] }))).toEqual({ action: 'none', stream: 'S' })
  const { max_msgs_per_subject: _, ...sparse } = live()
  expect(planStream(declared, sparse as StreamConfig).action).toBe('none')
})

test('a changed limit is an update; storage, retention and taking TTL away are not', () => {
  expect(planStream(declared, live({ max_msgs: 4 }))).toMatchObject({
    action: 'update',
    changes: [{ field: 'max_msgs', live: 4, declared: 5 }],
  })
  expect(planStream(declared, live({ storage: 'memory' as never })).action).toBe('refuse')
  expect(planStream(declared, live({ retention: 'workqueue' as never })).action).toBe('refuse')
  expect(planStream({ ...declared, allow_msg_ttl: false }, live()).action).toBe('refuse')
  expect(planStream(declared, live({ allow_msg_ttl: false })).action).toBe('update')
})

test('replicas count only when a deployment configured them', () => {
  expect(planStream(declared, live({ num_replicas: 3 }), { ignoreReplicas: true }).action).toBe('none')
  expect(planStream(declared, live({ num_replicas: 3 })).action).toBe('update')
})

test('a change reads as a sentence', () => {
  expect(describeChange({ field: 'storage', live: undefined, declared: 'file', immutable: true })).toBe(
    'storage: unset → "file" (the server cannot change it)',
  )
})

test('companions: a dead letter is never dropped to make room, and a claim outlives the duplicate window', () => {
  const [, deadLetters, claims] = withCompanions(
    defineStream({
      name: 'S',
      description: 'x',
      channels: [channel('a')],
      maxAgeMs: 600_000,
      maxMessages: 5,
      maxBytes: 9,
    }),
    3,
  )
  expect(deadLetters).toMatchObject({ name: 'S_DLQ', subjects: ['dead-letter.S.>'], discard: 'new', num_replicas: 3 })
  expect(claims).toMatchObject({ name: 'S_IDEMPOTENCY', max_msgs_per_subject: 1, num_replicas: 3 })
  expect(claims?.max_age).toBeGreaterThan(120_000 * 1e6)
})

test('companions grow with their stream: a small one does not reserve gigabytes, a large one as much as before', () => {
  const limitsOf = (options: Partial<StreamOptions>) => {
    const stream = defineStream({
      name: 'S',
      description: 'x',
      channels: [channel('a')],
      maxAgeMs: 600_000,
      maxMessages: 100_000,
      maxBytes: MIB,
      ...options,
    })
    const companions = withCompanions(stream).filter(({ name }) => name !== 'S')
    return Object.fromEntries(
      companions.map(({ name, max_bytes, max_msgs, max_msgs_per_subject, discard_new_per_subject }) => [
        name,
        [max_bytes / MIB, discard_new_per_subject ? max_msgs_per_subject : max_msgs],
      ]),
    )
  }
  expect(limitsOf({})).toEqual({
    S_DLQ: [4, 100_000],
    S_REDRIVE: [4, 100_000],
    S_IDEMPOTENCY: [16, 65_536],
    KV_S_ONCE: [16, -1],
    S_DLQ_SHARES: [4, 1],
  })
  expect(limitsOf({ maxBytes: 64 * MIB, maxMessages: 500 })).toEqual({
    S_DLQ: [256, 10_000],
    S_REDRIVE: [64, 10_000],
    S_IDEMPOTENCY: [256, 1_000_000],
    KV_S_ONCE: [256, -1],
    S_DLQ_SHARES: [256, 25],
  })
  expect(limitsOf({ maxBytes: 64 * 1_024 * MIB, maxMessages: 1_000_000_000 })).toEqual({
    S_DLQ: [1_024, 100_000],
    S_REDRIVE: [256, 100_000],
    S_IDEMPOTENCY: [256, 1_000_000],
    KV_S_ONCE: [256, -1],
    S_DLQ_SHARES: [1_024, 102],
  })
  // Letters of the largest message fit in any case.
  expect(limitsOf({ maxMessageBytes: MIB })['S_DLQ']).toEqual([32, 100_000])
})
