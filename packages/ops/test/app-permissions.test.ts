import { contracts } from '@alarm-bus/contracts'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { readApps } from '../src/apps/read-apps.ts'
import { applyStreams } from '../src/index.ts'
import { authOf, startBroker, type TestBroker } from './harness.ts'
import { consumersOf, mayDo, mayNotDo } from './neighbours.ts'
import { allOf, refused } from './permissions.ts'

// Of every app there is, so that a new one is held to its permissions without a test of its own.
const apps = await readApps()
const handling = apps.filter(({ handles }) => handles.length > 0)

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

test.each(handling.map(({ name }, index) => ({ name, app: handling[index]! })))(
  '$name cannot say one thing in the subject and another in the request',
  async ({ name, app }) => {
    const client = await broker.raw(name)
    const [{ durable, channel, stream }] = consumersOf(app) as [ReturnType<typeof consumersOf>[number]]
    const { subject } = channel
    const elsewhere = contracts.streamOf(channel).channels.find((one) => one !== channel)?.subject ?? `${subject}.more`
    const create = async (config: object): Promise<number> => {
      const request = {
        stream_name: stream,
        config: { name: durable, durable_name: durable, ack_policy: 'explicit', ...config },
      }
      const answer = await client.request(
        `$JS.API.CONSUMER.CREATE.${stream}.${durable}.${subject}`,
        JSON.stringify(request),
      )
      return answer.json<{ error?: { err_code: number } }>().error?.err_code ?? 0
    }
    expect(await create({ filter_subject: elsewhere })).toBe(10131)
    expect(await create({ filter_subjects: [subject, elsewhere] })).toBe(10137)
    expect(await create({ durable_name: 'another-app_channel', filter_subject: subject })).toBe(10017)
    // A consumer that would deliver into the stream it reads.
    expect(await create({ filter_subject: subject, deliver_subject: subject })).toBe(10081)
    // The name in the request alone is passed over: the subject's is the one that counts.
    expect(await create({ name: 'another-app_channel', filter_subject: subject })).toBe(0)
    const names = await (await broker.raw('admin')).request(`$JS.API.CONSUMER.NAMES.${stream}`)
    expect(names.json<{ consumers: string[] }>().consumers).toEqual([durable])
  },
)
