import { expect, test } from 'vitest'
import { alarmToBot, alarmToLog, type AppOptions, ContractError, defineApp } from '../src/index.ts'

const declare = (options: Partial<AppOptions> = {}) =>
  defineApp({ name: 'an-app', description: 'x', owner: 'team', handles: [alarmToBot], ...options })

test('a channel alone stands for one without settings, and defaults are filled in', () => {
  const retry = { baseMs: 50 }
  expect(declare({ handles: [alarmToBot, { channel: alarmToLog, maxDeliver: 7, retry }] })).toEqual({
    name: 'an-app',
    description: 'x',
    owner: 'team',
    publishes: [],
    schedules: [],
    idempotency: false,
    handles: [{ channel: alarmToBot }, { channel: alarmToLog, maxDeliver: 7, retry }],
    reads: [],
    hears: [],
    onceOnly: false,
    watchesBus: false,
    asks: [],
    answers: [],
    fanOutInstances: 3,
    consuming: {},
  })
})

test.each<[Partial<AppOptions>, string]>([
  [{ name: 'An_App' }, 'kebab case'],
  [{ name: 'a'.repeat(49) }, 'kebab case'],
  [{ owner: ' ' }, 'owner is empty'],
  [{ handles: [] }, 'it publishes, handles, asks, answers, reads and hears nothing'],
  [{ handles: [alarmToBot, { channel: alarmToBot }] }, '"alarm-to-bot" is declared twice'],
  [{ publishes: [alarmToLog, alarmToLog] }, '"alarm-to-log" is declared twice'],
  [{ handles: [{ channel: alarmToBot, maxDeliver: 0 }] }, 'maxDeliver must be a whole number from 1, not 0'],
  [{ reads: [alarmToLog, alarmToLog] }, '"alarm-to-log" is declared twice'],
  [{ hears: [alarmToLog, alarmToLog] }, '"alarm-to-log" is declared twice'],
  [{ schedules: [alarmToBot] }, 'it schedules channel "alarm-to-bot", which it does not publish'],
  [{ publishes: [alarmToBot], schedules: [alarmToBot, alarmToBot] }, '"alarm-to-bot" is declared twice'],
  [{ idempotency: true }, 'declares idempotency and publishes nothing'],
  [{ handles: [], publishes: [alarmToBot], onceOnly: true }, 'declares onceOnly and handles nothing'],
  [{ consuming: { ackWaitMs: 0 } }, 'consuming.ackWaitMs must be a whole number from 1, not 0'],
  [{ consuming: { delivery: 'fan-out' }, fanOutInstances: 0 }, 'declares delivery "fan-out" and no instance'],
  [{ fanOutInstances: 1.5 }, 'fanOutInstances must be a whole number from 0 to 32, not 1.5'],
])('%j is refused, and says why', (options, why) => {
  expect(() => declare(options)).toThrow(ContractError)
  expect(() => declare(options)).toThrow(why)
})

test('an app may do nothing but read, and nothing but hear', () => {
  expect(declare({ handles: [], reads: [alarmToBot] })).toMatchObject({ reads: [alarmToBot], handles: [] })
  expect(declare({ handles: [], hears: [alarmToBot] })).toMatchObject({ hears: [alarmToBot], handles: [] })
})
