import { expect, test } from 'vitest'
import { bodyWaitMs } from './body-wait.ts'

test.each([
  ['Discord', '{"message":"rate limited","retry_after":16.5,"global":true}', 16_500],
  ['Telegram', '{"ok":false,"error_code":429,"parameters":{"retry_after":86400}}', 86_400_000],
  ['none', '{"retry_after":0}', 0],
])('%s', (_, body, expected) => {
  expect(bodyWaitMs(body)).toBe(expected)
})

test.each([
  '',
  'rate_limited',
  'null',
  '[]',
  '7',
  '{}',
  '{"parameters":null}',
  '{"retry_after":"soon"}',
  '{"retry_after":-1}',
  '{"retry_after":null}',
  '{"retry_after":true}',
  '{"retry_after":[5]}',
  '{"retry_after":1e999}',
  '{"parameters":{"retry_after":{}}}',
])('%s names none', (body) => {
  expect(bodyWaitMs(body)).toBeUndefined()
})
