import { alarmDelivery, contracts } from '@alarm-bus/contracts'
import {
  connect,
  type Connection,
  createRequester,
  createResponders,
  defineResponder,
  KitError,
  KitErrorCode,
} from '@alarm-bus/nats-kit'
import { collectLogs, waitFor } from '@alarm-bus/nats-kit/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Cluster, startCluster } from './cluster-harness.ts'
import { authOf } from './harness.ts'

const ASKED = { channel: 'alarm-to-bot', id: 'a' }

let cluster: Cluster
const opened: (() => Promise<unknown>)[] = []
beforeAll(async () => {
  cluster = await startCluster()
}, 150_000)
afterAll(async () => {
  for (const close of opened.reverse()) await close()
  await cluster?.[Symbol.asyncDispose]()
})

async function openAt(node: number, name: string): Promise<Connection> {
  const connection = await connect(
    { servers: [cluster.servers[node] as string], name, auth: authOf(name), tls: cluster.tls },
    { logger: collectLogs() },
  )
  opened.push(() => connection.close(2_000))
  return connection
}

test('a request goes from account to account over brokers, and a missing responder is told at once', async () => {
  const requester = createRequester(await openAt(0, 'producer'), { contracts })
  opened.push(async () => requester.close())
  const ask = (timeoutMs: number) => requester.request(alarmDelivery, ASKED, { timeoutMs })
  const codeOf = (timeoutMs: number): Promise<unknown> =>
    ask(timeoutMs).catch((error: unknown) => KitError.is(error) && error.code)
  expect(await codeOf(20_000)).toBe(KitErrorCode.NoResponder)
  const started = await Promise.all(
    [1, 2].map(async (node) => {
      const responders = createResponders(await openAt(node, 'alarm-consumer'), {
        contracts,
        responders: [
          defineResponder(alarmDelivery, () => ({
            state: 'delivered',
            sinks: [{ name: String(node), state: 'sent' }],
          })),
        ],
      })
      opened.push(() => responders.stop(2_000))
      responders.start()
      return responders
    }),
  )
  const answeredBy = new Set<string | undefined>()
  // That a broker has a subscription is known to the others a moment later.
  await waitFor(
    async () => {
      const answer = await ask(500).catch(() => undefined)
      if (answer) answeredBy.add(answer.sinks[0]?.name)
      return answeredBy.size === 2
    },
    { what: 'both instances to answer', deadlineMs: 30_000 },
  )
  // A broker that does not know yet that another's subscription is gone sends it a request, which is lost there.
  for (const responders of started) expect(await responders.stop(5_000)).toBe(0)
  await waitFor(async () => (await codeOf(500)) === KitErrorCode.NoResponder, {
    what: 'nobody to be there',
    deadlineMs: 30_000,
  })
}, 120_000)
