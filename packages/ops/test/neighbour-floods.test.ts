import { contracts } from '@alarm-bus/contracts'
import { expect, onTestFinished, test } from 'vitest'
import { readApps } from '../src/apps/read-apps.ts'
import { applyStreams } from '../src/index.ts'
import { authOf, startBroker } from './harness.ts'
import { consumersOf } from './neighbours.ts'
import { STREAM_NAMES } from './permissions.ts'

const STREAM = 'BASQUIAT_STREAM'
const apps = await readApps()
const PAIRS = apps.flatMap((hostile) =>
  apps.filter((one) => one !== hostile).map((well) => ({ hostile, well, of: `${hostile.name} and ${well.name}` })),
)
/** So many small letters an app stores in half a second; the server then needs some 30 ms to name their subjects. */
const LETTERS = 20_000
const FLOOD = 1_000
/** The server's answer waits for those before it; none of them may be dear. */
const DEADLINE_MS = 10_000

test.each(PAIRS)(
  'of $of the first asks for all there is to know of every stream, and the other is answered',
  async ({ hostile, well }) => {
    const broker = await startBroker()
    onTestFinished(() => broker[Symbol.asyncDispose]())
    await applyStreams({ servers: [broker.server.url], auth: authOf('admin'), streams: contracts.streams })
    const client = await broker.raw(hostile.name)
    const [consumer] = consumersOf(hostile)
    const subjectAt = (i: number): string =>
      consumer ? `dead-letter.${STREAM}.${consumer.durable}.${i}.1` : `idempotency.${STREAM}.${i}`
    // One that has neither fills nothing, and asks all the same.
    const letters = consumer || hostile.idempotency ? LETTERS : 0
    for (let i = 0; i < letters; i++) {
      client.publish(subjectAt(i), 'x')
      if (i % 1_000 === 999) await client.request(subjectAt(LETTERS + i), 'x', { timeout: 30_000 })
    }
    const body = JSON.stringify({ subjects_filter: '>', deleted_details: true })
    for (const stream of STREAM_NAMES)
      for (let i = 0; i < FLOOD; i++)
        client.publish(`$JS.API.STREAM.INFO.${stream}`, body, { reply: `_INBOX_${hostile.name}.flood` })
    await client.flush()

    const other = await broker.raw(well.name)
    const info = await other.request(`$JS.API.STREAM.INFO.${STREAM}`, '', { timeout: DEADLINE_MS })
    expect(info.json()).toMatchObject({ config: { name: STREAM } })
    const [reader] = consumersOf(well)
    const asked = reader ? `dead-letter.${STREAM}.${reader.durable}.1.1` : (well.publishes[0]?.subject ?? '')
    expect((await other.request(asked, '{}', { timeout: DEADLINE_MS })).json()).toHaveProperty('seq')
  },
  120_000,
)
