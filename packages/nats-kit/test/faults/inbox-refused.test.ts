import { expect, test } from 'vitest'
import { createJetStreamPublisher, KitErrorCode } from '../../src/index.ts'
import { waitFor } from '../../src/testing.ts'
import { onEnd } from '../harness.ts'
import { PASSWORD, startReloadedBroker, type User } from './support/reloaded-broker.ts'
import { setScene } from './support/scene.ts'

const FREE: readonly User[] = [{ user: 'admin' }, { user: 'out' }]

async function setUp() {
  const broker = await startReloadedBroker(onEnd, FREE)
  const as = (user: string) => ({ name: user, auth: { user, password: PASSWORD } })
  const { open, contracts, channel } = await setScene({ servers: [broker.url], onEnd, connection: as('admin') })
  const connection = await open(as('out'))
  const publisher = createJetStreamPublisher(connection, {
    contracts,
    idempotency: true,
    attemptTimeoutMs: 1_000,
    budgetMs: 5_000,
  })
  onEnd(() => publisher.close())
  const check = () => publisher.checks()[0]
  const forbid = async (): Promise<void> => {
    const permissions = `{ subscribe: { deny: "${connection.inboxPrefix}.>" } }`
    broker.reload(FREE.map((user) => (user.user === 'out' ? { ...user, permissions } : user)))
    await waitFor(() => check()?.ok === false, { what: 'the publisher to know that its inbox is refused' })
  }
  const allow = async (): Promise<void> => {
    broker.reload(FREE)
    await waitFor(() => check()?.ok, { what: 'the publisher to have its inbox again', deadlineMs: 20_000 })
  }
  return { publisher, connection, channel, check, forbid, allow }
}

test('the ack inbox is forbidden for a moment: not ready meanwhile, and every way to publish works again', async () => {
  const { publisher, connection, channel, check, forbid, allow } = await setUp()
  let made = 0
  const message = () => ({ id: `m-${made++}` })
  const ways = {
    single: (timeoutMs?: number) => publisher.publish(channel, message(), timeoutMs === undefined ? {} : { timeoutMs }),
    claimed: (timeoutMs?: number) =>
      publisher.publish(channel, { id: 'c' }, { id: `c-${made++}`, ...(timeoutMs !== undefined && { timeoutMs }) }),
    // Its claim is there already, so it is looked up: by the client's own inbox for requests.
    claimedBefore: (timeoutMs?: number) =>
      publisher.publish(channel, { id: 'b' }, { id: 'b', ...(timeoutMs !== undefined && { timeoutMs }) }),
    batch: (timeoutMs?: number) =>
      publisher.publishMany(channel, [message(), message()], timeoutMs === undefined ? {} : { timeoutMs }),
    stream: () => publisher.publishStream(channel, [message(), message()]),
  }
  for (const way of Object.values(ways)) await way()

  await forbid()
  expect(check()?.detail).toContain('refuses the inbox')
  expect(connection.logs.lines.filter(({ fields }) => fields['event'] === 'subscriptionRefused')).not.toHaveLength(0)
  const refused = await Promise.allSettled(Object.values(ways).map((way) => way(500)))
  for (const result of refused) {
    expect(result).toMatchObject({ status: 'rejected', reason: { code: KitErrorCode.BrokerUnavailable } })
  }
  // One that has time is stored when the inbox is back.
  const patient = publisher.publish(channel, message())
  await allow()
  expect(await patient).toMatchObject({ duplicate: false })
  for (const way of Object.values(ways)) await way()
  expect(check()).toMatchObject({ name: 'publisher', ok: true })
  expect(connection.logs.lines.filter(({ fields }) => fields['event'] === 'subscriptionRestored')).not.toHaveLength(0)
})

test('a publisher that is first used while its inbox is forbidden works once it is allowed', async () => {
  const { publisher, channel, check, forbid, allow } = await setUp()
  const first = publisher.publish(channel, { id: 'first' }, { timeoutMs: 400 }).catch((error: unknown) => error)
  await forbid()
  await first
  const waiting = publisher.publish(channel, { id: 'second' })
  await allow()
  expect(await waiting).toMatchObject({ duplicate: false })
  expect(check()?.ok).toBe(true)
})
