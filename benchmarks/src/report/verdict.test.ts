import { describe, expect, test } from 'vitest'
import type { Goal } from '../rows/row.ts'
import type { Figures } from './figures.ts'
import { verdictOf } from './verdict.ts'

const GOAL: Goal = { kind: 'rate', atLeast: 2.5, orSaturated: true }

function figures(name: Figures['name'], messagesPerSecond: number, more: Partial<Figures> = {}): Figures {
  return {
    name,
    title: name,
    messagesPerSecond,
    clientCores: 1,
    brokerCores: 0.5,
    othersCores: 0,
    clientMicrosPerMessage: 1,
    brokerMicrosPerMessage: 1,
    rounds: [],
    ...more,
  }
}

describe('a rate', () => {
  test('is compared with the best of the others', () => {
    const verdict = verdictOf(GOAL, [figures('kit', 30), figures('moleculer', 10), figures('nest', 15)])
    expect(verdict).toEqual({ ratios: { rate: 2 }, outcome: 'missed' })
  })

  test('counts as reached when the broker is at its ceiling and the client is not', () => {
    const saturating = figures('kit', 20, { brokerCores: 0.98, clientCores: 0.7 })
    expect(verdictOf(GOAL, [saturating, figures('raw', 10)]).outcome).toBe('met by saturation')
    expect(verdictOf({ ...GOAL, orSaturated: false }, [saturating, figures('raw', 10)]).outcome).toBe('missed')
  })

  test('has no verdict without the kit or without another', () => {
    expect(verdictOf(GOAL, [{ name: 'kit', title: 'kit', error: 'lost one' }, figures('raw', 10)])).toMatchObject({
      outcome: 'failed',
      reason: 'the kit: lost one',
    })
    expect(verdictOf(GOAL, [figures('kit', 10), { name: 'nest', title: 'nest', error: 'no' }]).outcome).toBe('failed')
  })
})

test('a latency is reached only with both percentiles', () => {
  const goal: Goal = { kind: 'latency', atMost: 1.1 }
  const kit = figures('kit', 1, { latencyMs: { p50: 1, p99: 3 } })
  expect(verdictOf(goal, [kit, figures('raw', 1, { latencyMs: { p50: 1, p99: 2 } })])).toEqual({
    ratios: { p50: 1, p99: 1.5 },
    outcome: 'missed',
  })
})

test('allocations need a Node that counts them', () => {
  const goal: Goal = { kind: 'allocations', atMost: 0.5 }
  expect(verdictOf(goal, [figures('kit', 1), figures('raw', 1)]).outcome).toBe('failed')
})
