import { headers, type Msg, nuid } from '@nats-io/transport-node'
import { expect, test } from 'vitest'
import { DirectBatches } from '../../src/reading/direct-batches.ts'
import { KitErrorCode } from '../../src/index.ts'
import { onEnd, open, useBroker } from '../harness.ts'

const broker = useBroker()

/** A message as the server sends it: its sequence, and that of the one before it. */
type Sent = readonly [seq: number, lastSeq: number]

/** Another client in the stream's place: what a network between two servers loses can be left out. */
async function answered(messages: readonly Sent[], end: string | undefined, late: readonly Sent[] = []) {
  const stream = `FAKE_${nuid.next()}`
  const server = await open(broker.current)
  let before: Msg | undefined
  const send = (request: Msg, [seq, lastSeq]: Sent): void => {
    const lines = headers()
    lines.append('Nats-Stream', stream)
    lines.append('Nats-Subject', 'x')
    lines.append('Nats-Sequence', String(seq))
    lines.append('Nats-Time-Stamp', '2026-01-01T00:00:00Z')
    lines.append('Nats-Num-Pending', '0')
    lines.append('Nats-Last-Sequence', String(lastSeq))
    request.respond(`m${seq}`, { headers: lines })
  }
  server.client.subscribe(`$JS.API.DIRECT.GET.${stream}`, {
    callback: (_, request) => {
      // Of the answer before, when the next one is waited for.
      if (before) for (const one of late) send(before, one)
      before = request
      for (const one of messages) send(request, one)
      const block = `NATS/1.0 ${end}\r\n\r\n`
      if (end !== undefined) request.respond('', { headers: { encode: () => Buffer.from(block) } as never })
    },
  })
  await server.client.flush()
  const batches = new DirectBatches(await open(broker.current), stream)
  onEnd(async () => batches.close())
  const ask = () => batches.next({ batch: 9, max_bytes: 1_000, next_by_subj: 'x', seq: 1 })
  return { ask, seqs: async () => (await ask()).messages.map(({ seq }) => seq) }
}

const end = (pending: number, lastSeq: number) =>
  `204 EOB\r\nNats-Num-Pending: ${pending}\r\nNats-Last-Sequence: ${lastSeq}`

test('an answer that is whole ends with what follows it', async () => {
  const { ask } = await answered(
    [
      [1, 0],
      [4, 1],
    ],
    end(3, 4),
  )
  expect(await ask()).toMatchObject({ outcome: 'end', pending: 3, messages: [{ seq: 1 }, { seq: 4 }] })
})

test.each([
  { what: 'the first message', sent: [[4, 1]] as const, good: 0, last: 4 },
  {
    what: 'one between',
    sent: [
      [1, 0],
      [6, 4],
    ] as const,
    good: 1,
    last: 6,
  },
  { what: 'the last one', sent: [[1, 0]] as const, good: 1, last: 4 },
])('$what is lost on the way: what came before it counts, and no more', async ({ sent, good, last }) => {
  const { ask } = await answered(sent, end(0, last))
  const batch = await ask()
  expect([batch.outcome, batch.messages.length]).toEqual(['lost', good])
})

test('what comes late of an answer is no part of the next', async () => {
  const { seqs } = await answered([[1, 0]], end(0, 1), [[9, 0]])
  expect(await seqs()).toEqual([1])
  expect(await seqs()).toEqual([1])
})

test('an answer that stops is lost, and nothing more is none', { timeout: 20_000 }, async () => {
  const stopped = await answered([[1, 0]], undefined)
  expect(await stopped.ask()).toMatchObject({ outcome: 'lost', messages: [{ seq: 1 }] })
  const none = await answered([], '404 Message Not Found')
  expect(await none.ask()).toMatchObject({ outcome: 'none', messages: [] })
})

test('a server that does not know the request is an error with its words', async () => {
  const { ask } = await answered([], '408 Bad Request')
  await expect(ask()).rejects.toMatchObject({
    code: KitErrorCode.StreamDifferent,
    message: expect.stringContaining('408 Bad Request'),
  })
})
