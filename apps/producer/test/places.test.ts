import { type ClientRequest, type IncomingMessage, request } from 'node:http'
import { createInterface } from 'node:readline'
import { expect, test } from 'vitest'
import { makeClients } from './clients.ts'
import { startStack, waitFor } from './stack.ts'

const PLACES = 4

interface Line {
  readonly index: number
  readonly error?: { readonly status: number; readonly type: string }
}

interface OpenBatch {
  readonly sending: ClientRequest
  readonly lines: Line[]
  isOver: boolean
}

test('a client whose batches drip does not keep others out, and keeps its share', async () => {
  using clients = makeClients({ drips: 1_000, works: 1_000 })
  await using stack = await startStack({ ...clients.environment, PRODUCER_MAX_BATCHES: String(PLACES) })
  const url = `${stack.url}/channels/alarm-to-log/messages:batch`
  const headers = (client: string) => ({ 'content-type': 'application/x-ndjson', ...clients.of(client) })

  const open = async (): Promise<OpenBatch> => {
    const sending = request(url, { method: 'POST', headers: headers('drips') })
    const batch: OpenBatch = { sending, lines: [], isOver: false }
    const response = new Promise<IncomingMessage>((resolve, reject) => {
      sending.once('response', resolve)
      sending.once('error', reject)
    })
    sending.write('{"message":"first"}\n{"mess')
    createInterface({ input: await response })
      .on('line', (text) => batch.lines.push(JSON.parse(text) as Line))
      .on('close', () => (batch.isOver = true))
    await waitFor(() => batch.lines.length === 1, { what: 'its first answer' })
    return batch
  }
  const dripping = await Promise.all(Array.from({ length: PLACES }, open))
  try {
    const send = () => fetch(url, { method: 'POST', headers: headers('works'), body: '{"message":"a"}\n' })
    const answers: Response[] = []
    for (let count = 0; count < 40; count++) {
      const answer = await send()
      answers.push(answer)
      await answer.text()
    }
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200))
    const gaveWay = dripping.filter(({ lines }) => lines.length > 1)
    expect(gaveWay).toHaveLength(1)
    expect(gaveWay[0]?.lines[1]).toMatchObject({
      index: 1,
      error: { status: 503, type: 'urn:alarm-bus:problem:batch-gave-way' },
    })
    await waitFor(() => gaveWay[0]?.isOver, { what: 'its end' })
    for (const batch of dripping.filter((one) => !gaveWay.includes(one))) {
      batch.sending.end('age":"second"}\n')
      await waitFor(() => batch.isOver, { what: 'the end of the others' })
      expect(batch.lines.map(({ error }) => error)).toEqual([undefined, undefined])
    }
  } finally {
    for (const { sending } of dripping) sending.on('error', () => undefined).destroy()
  }
})
