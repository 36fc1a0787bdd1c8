import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { z } from 'zod'
import { DOCUMENT_PATHS, makeDocuments } from '../../src/docs/make-documents.ts'
import { parseDocument } from '../../src/docs/parse-document.ts'
import { toAsyncApi } from '../../src/docs/to-asyncapi.ts'
import { usersOf } from '../../src/compatibility/check-contracts.ts'
import { busWith } from './bus.ts'

const simple = z.object({ text: z.string().max(9).describe('What it says.') }).meta({ examples: [{ text: 'hi' }] })

test('who sends and who receives, with consumer, retries and stream', async () => {
  const document = toAsyncApi(
    busWith(simple, (channel) => ({ handles: [{ channel, maxDeliver: 5, retry: { baseMs: 500, capMs: 4_000 } }] })),
  ) as Record<string, any>
  expect(document['operations']).toMatchObject({
    'reader_handles_a-thing': {
      action: 'receive',
      channel: { $ref: '#/channels/a-thing' },
      bindings: { nats: { queue: 'reader_a-thing' } },
      description:
        'At most 5 deliveries, after 0.5 s, 2.5 s, 4 s, … (4 s at most), each up to 20 % sooner; then a dead letter.',
    },
    'sender_publishes_a-thing': { action: 'send', channel: { $ref: '#/channels/a-thing' } },
  })
  expect(document['channels']['a-thing']).toMatchObject({
    address: 'a.thing',
    'x-owner': 'team',
    'x-stream': { name: 'THINGS', maxAgeMs: 3_600_000, discard: 'new' },
  })
  const parsed = await parseDocument(document)
  expect(parsed.operations().filterByReceive()).toHaveLength(1)
  expect(parsed.messages()[0]?.payload()?.properties()?.['text']?.description()).toBe('What it says.')
  expect(parsed.messages()[0]?.examples()[0]?.payload()).toEqual({ text: 'hi' })
})

test('who reads and who hears is documented, and breaks like who handles', async () => {
  const bus = busWith(simple, (channel) => ({ handles: [], reads: [channel], hears: [channel] }))
  const document = toAsyncApi(bus) as Record<string, any>
  for (const does of ['reads', 'hears'])
    expect(document['operations'][`reader_${does}_a-thing`]).toMatchObject({ action: 'receive' })
  await parseDocument(document)
  const catalogue = String((await makeDocuments(bus)).get(DOCUMENT_PATHS.catalogue))
  expect(catalogue).toContain('- `reader` (readers) reads what is stored.')
  expect(catalogue).toContain('- `reader` (readers) hears what is published at most once.')
  expect(usersOf('a-thing', bus.apps)).toEqual({ publishedBy: ['sender'], handledBy: ['reader'] })
})

test('definitions and recursion are found from the document’s root', async () => {
  interface Node {
    readonly name: string
    readonly children: readonly Node[]
  }
  const node: z.ZodType<Node> = z
    .lazy(() => z.object({ name: z.string(), children: z.array(node) }))
    .meta({ id: 'node' }) as never
  const parsed = await parseDocument(toAsyncApi(busWith(z.object({ left: node, right: node }))))
  const left = parsed.messages()[0]?.payload()?.properties()?.['left']
  expect(left?.properties()?.['name']?.type()).toBe('string')
  const children = left?.properties()?.['children']?.items()
  expect(Array.isArray(children) ? undefined : children?.properties()?.['name']?.type()).toBe('string')
})

test('an example that could not be published is refused, naming the channel and the field', () => {
  const wrong = z.object({ text: z.string() }).meta({ examples: [{ text: 'x', more: 1 }] })
  expect(() => toAsyncApi(busWith(wrong as never))).toThrow(/channel "a-thing": the example .* \/more unknown field/)
})

test('a document that AsyncAPI’s parser does not take is refused with the place', async () => {
  const document = toAsyncApi(busWith(simple)) as Record<string, any>
  const broken = { ...document, operations: { x: { action: 'shout', channel: { $ref: '#/channels/a-thing' } } } }
  await expect(parseDocument(broken)).rejects.toThrow(/operations\.x\.action/)
  const dangling = { ...document, operations: { x: { action: 'send', channel: { $ref: '#/channels/nowhere' } } } }
  await expect(parseDocument(dangling)).rejects.toThrow(/operations\.x\.channel/)
})

test('every form says the same, twice over, and the page unfolds nested fields without a script', async () => {
  const bus = busWith(z.object({ outer: z.object({ inner: z.object({ leaf: z.string().describe('Deep down.') }) }) }))
  const [first, second] = [await makeDocuments(bus), await makeDocuments(bus)]
  expect([...first]).toEqual([...second])
  const json: unknown = JSON.parse(String(first.get(DOCUMENT_PATHS.json)))
  expect(parse(String(first.get(DOCUMENT_PATHS.yaml)))).toEqual(json)
  const page = String(first.get(DOCUMENT_PATHS.page))
  expect(page).toContain('Deep down.')
  expect(page).not.toMatch(/<script|<button/)
  const catalogue = String(first.get(DOCUMENT_PATHS.catalogue))
  expect(catalogue).toContain('| [a-thing](#a-thing) | `a.thing` | team | `sender` | `reader` |')
  expect(catalogue).toContain('Kept in `THINGS` for 1 hour, at most')
  expect(catalogue).toContain('a new message is refused')
  expect(catalogue).toContain('`reader` (readers): At most 3 deliveries (MAX_DELIVER)')
})
