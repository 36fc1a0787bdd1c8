import { defineApp, defineContracts, defineRequest } from '@alarm-bus/contracts'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { DOCUMENT_PATHS, makeDocuments } from '../../src/docs/make-documents.ts'
import { toAsyncApi } from '../../src/docs/to-asyncapi.ts'

const stated = z.object({ state: z.string() })
const request = (examples: readonly unknown[] = [{ id: '17' }]) =>
  defineRequest({
    name: 'order-state',
    subject: 'ask.order.state',
    owner: 'shop',
    description: 'What became of an order.',
    request: z.object({ id: z.string() }).meta({ examples }),
    response: stated,
    errors: { unknown_order: z.object({ id: z.string() }).describe('No order of this id.') },
  })
const busWith = (asked: ReturnType<typeof request>) => ({
  contracts: defineContracts({ channels: [], streams: [], requests: [asked] }),
  apps: [
    defineApp({ name: 'orders', owner: 'shop', description: 'Answers.', answers: [asked] }),
    defineApp({ name: 'web', owner: 'shop', description: 'Asks.', asks: [asked] }),
  ],
  version: '1.2.3',
})

test('who asks and who answers, with the reply and its errors', async () => {
  const bus = busWith(request())
  const document = toAsyncApi(bus) as Record<string, any>
  expect(document['channels']['order-state']).toMatchObject({ address: 'ask.order.state', 'x-owner': 'shop' })
  // The caller names the inbox.
  expect(document['channels']['order-state.reply'].address).toBeNull()
  const reply = {
    channel: { $ref: '#/channels/order-state.reply' },
    messages: ['order-state.response', 'order-state.unknown_order'].map((name) => ({
      $ref: `#/channels/order-state.reply/messages/${name}`,
    })),
  }
  expect(document['operations']).toEqual({
    'orders_answers_order-state': expect.objectContaining({
      action: 'receive',
      bindings: { nats: { queue: 'orders', bindingVersion: '0.1.0' } },
      reply,
    }),
    'web_asks_order-state': expect.objectContaining({ action: 'send', reply }),
  })
  expect(document['components'].messages['order-state.unknown_order']).toMatchObject({
    summary: 'No order of this id.',
    headers: { required: ['Contract-Error'], properties: { 'Contract-Error': { const: 'unknown_order' } } },
  })
  // Valid as AsyncAPI 3, and people find it.
  const catalogue = (await makeDocuments(bus)).get(DOCUMENT_PATHS.catalogue)
  expect(catalogue).toContain('| [order-state](#order-state) | `ask.order.state` | shop | `web` | `orders` |')
  expect(catalogue).toContain('Errors: `unknown_order`, and of every responder `internal`')
}, 60_000)

test('an example that could not be sent is refused by its name', () => {
  expect(() => toAsyncApi(busWith(request([{ id: 17 }])))).toThrow(
    'request "order-state.request": the example {"id":17}',
  )
})
