import { expect, test } from 'vitest'
import type { Client } from '../auth/client.ts'
import { messageIdOf } from './message-id.ts'

const client = (name: string): Client => ({ name, channels: '*' })

test('a message under a plain key has the id that it always had', () => {
  expect(messageIdOf('order-17', undefined)).toBe('order-17')
  expect(messageIdOf('order-17', client('key:billing'))).toBe('7H-PVb-ywwMohsihKLxAh9hX6dn6iVq8SF1GMtE1mtk')
})

test('no two messages share an id: clients, keys and places in a batch, however their names read when joined', () => {
  const clients = [undefined, ...['key:a', 'jwt:a', 'jwt:a\nk', 'jwt:a\nk\n0', 'jwt:["jwt:a"', 'jwt:a:0'].map(client)]
  const keys = ['k', '0', '1', 'k:0', 'k:0:0', 'k 0', '["jwt:a","k",0]', 'k,0', '0:k']
  const ids = clients.flatMap((one) =>
    keys.flatMap((key) => [undefined, 0, 1, 10].map((index) => messageIdOf(key, one, index))),
  )
  expect(new Set(ids).size).toBe(ids.length)
})

test('an id is one that the bus takes: the longest key and the last place', () => {
  expect(messageIdOf('k'.repeat(120), undefined, 999_999).length).toBeLessThanOrEqual(128)
})
