import { contracts } from '@alarm-bus/contracts'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { readApps } from '../src/apps/read-apps.ts'
import { applyStreams } from '../src/index.ts'
import { authOf, startBroker, type TestBroker } from './harness.ts'
import { mayDo, mayNotDo } from './neighbours.ts'
import { allOf, refused } from './permissions.ts'

// Of every app there is, so that a new one is held to its permissions without a test of its own.
const apps = await readApps()

let broker: TestBroker

/** A broker for each test: what one app may make would answer the other's questions. */
beforeEach(async () => {
  broker = await startBroker()
  await applyStreams({ servers: [broker.server.url], auth: authOf('admin'), streams: contracts.streams })
})
afterEach(() => broker[Symbol.asyncDispose]())

describe.each(apps.map(({ name }, index) => ({ name, app: apps[index]! })))('the user of $name', ({ name, app }) => {
  const inbox = `_INBOX_${name}`

  test('may do all that follows from its declaration', async () => {
    expect(await refused(await broker.raw(name), inbox, mayDo(app))).toEqual([])
  })

  test('may do nothing that is next to it', async () => {
    const attempts = mayNotDo(app, apps)
    expect(await refused(await broker.raw(name), inbox, attempts)).toEqual(allOf(attempts))
  })
})
