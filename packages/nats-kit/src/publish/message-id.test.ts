import { expect, test } from 'vitest'
import { freshMessageId } from './message-id.ts'

test('ids are random UUIDs of version 4, also past one draw of random bytes', () => {
  const ids = Array.from({ length: 1_000 }, freshMessageId)
  for (const id of ids) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  expect(new Set(ids).size).toBe(ids.length)
})
