import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { headers } from '@nats-io/transport-node'
import { describe, expect, test } from 'vitest'
import { createHash } from 'node:crypto'
import { listDeadLetters, redriveDeadLetters, storedRequestSubjects } from '../../src/admin.ts'
import { DeadLetter, kvOnceStore, KitErrorCode, remoteErrorOf } from '../../src/index.ts'
import { waitFor } from '../../src/testing.ts'
import { onEnd, useBroker } from '../harness.ts'
import { failure } from './scene.ts'
import { setStored, subjectsOf } from './stored-scene.ts'

const broker = useBroker()
const PROCESS = new URL('./stored-responder-process.ts', import.meta.url).pathname

describe('a stored request', () => {
  test('is answered with the response, or with an error that it declares', async () => {
    const { requester, division, answer } = await setStored(broker.current)
    await answer(({ a, b }, context) => {
      if (b === 0) throw context.error('division_by_zero', { a })
      return { quotient: a / b }
    })
    expect(await requester.request(division, { a: 6, b: 3 })).toEqual({ quotient: 2 })
    const error = await failure(requester.request(division, { a: 7, b: 0 }))
    expect(remoteErrorOf(division, error)).toEqual({ code: 'division_by_zero', detail: { a: 7 } })
  })

  test('waits for a responder that comes later, and its asker may have restarted meanwhile', async () => {
    const { requester, asking, division, answer } = await setStored(broker.current)
    const first = failure(requester.request(division, { a: 6, b: 3 }, { id: 'mine' }))
    await waitFor(
      async () => (await failure(requester.answer(division, 'mine', { timeoutMs: 50 }))).code === 'timeout',
      {
        what: 'the request to wait',
      },
    )
    requester.close()
    expect((await first).code).toBe(KitErrorCode.Closed)
    await answer(({ a, b }) => ({ quotient: a / b }))
    const restarted = await asking('asker')
    expect(await restarted.answer(division, 'mine')).toEqual({ quotient: 2 })
    // Once more, for as long as it is kept.
    expect(await restarted.answer(division, 'mine')).toEqual({ quotient: 2 })
    expect(await restarted.request(division, { a: 6, b: 3 }, { id: 'mine' })).toEqual({ quotient: 2 })
  })

  test('is answered to the app that asked, whatever ids others choose', async () => {
    const { asking, division, answer } = await setStored(broker.current)
    await answer(({ a, b }) => ({ quotient: a / b }))
    const [one, other] = [await asking('one'), await asking('other')]
    await one.request(division, { a: 8, b: 2 }, { id: 'same' })
    expect((await failure(other.answer(division, 'same', { timeoutMs: 200 }))).code).toBe(KitErrorCode.Timeout)
    expect(await other.request(division, { a: 9, b: 3 }, { id: 'same' })).toEqual({ quotient: 3 })
    expect(await one.answer(division, 'same')).toEqual({ quotient: 4 })
  })

  test('is not begun past its deadline, and the asker is told', async () => {
    const { requester, division, answer, connection, stream } = await setStored(broker.current)
    const asked = failure(requester.request(division, { a: 1, b: 1 }, { timeoutMs: 1_000, id: 'late' }))
    expect(await asked).toMatchObject({ code: KitErrorCode.Timeout, message: expect.stringContaining('"late"') })
    await waitFor(async () => Object.keys(await subjectsOf(connection, stream.name)).length === 0, {
      what: 'the broker to remove what has expired',
    })
    const begun: number[] = []
    await answer(({ a }) => {
      begun.push(a)
      return { quotient: a }
    })
    await requester.request(division, { a: 2, b: 1 })
    expect(begun).toEqual([2])
  })

  test('that waits here until its deadline is acknowledged without its handler', async () => {
    const { requester, division, answer } = await setStored(broker.current)
    const begun: number[] = []
    const held: (() => void)[] = []
    await answer(async ({ a }) => {
      begun.push(a)
      if (a < 16) await new Promise<void>((resolve) => held.push(resolve))
      return { quotient: a }
    })
    const holding = Array.from({ length: 16 }, (_, a) => requester.request(division, { a, b: 1 }))
    await waitFor(() => held.length === 16, { what: 'all places to be taken' })
    const late = await failure(requester.request(division, { a: 99, b: 1 }, { timeoutMs: 1_000 }))
    expect(late.code).toBe(KitErrorCode.Timeout)
    for (const end of held) end()
    await Promise.all(holding)
    await requester.request(division, { a: 100, b: 1 })
    expect(begun).not.toContain(99)
  })

  test('whose handler fails is retried, and becomes a dead letter that can be redriven and answered', async () => {
    const { requester, division, answer, connection, stream } = await setStored(broker.current)
    let mended = false
    await answer(({ a, b }) => {
      if (!mended) throw new DeadLetter('not now')
      return { quotient: a / b }
    })
    const asked = requester.request(division, { a: 6, b: 3 }, { id: 'redriven' })
    const letters = async () => {
      const found = []
      for await (const letter of listDeadLetters(connection, stream.name)) found.push(letter)
      return found
    }
    await waitFor(async () => (await letters()).length === 1, { what: 'the dead letter' })
    mended = true
    expect(await redriveDeadLetters(connection, stream.name, {}, { dryRun: false })).toMatchObject({ redriven: 1 })
    expect(await asked).toEqual({ quotient: 2 })
  })

  test('that is redriven past its deadline is not begun', async () => {
    const { requester, division, answer, connection, stream } = await setStored(broker.current)
    let begun = 0
    const { calculator } = await answer(() => {
      begun++
      throw new DeadLetter('not now')
    })
    const asked = requester.request(division, { a: 6, b: 3 }, { timeoutMs: 1_000 })
    expect((await failure(asked)).code).toBe(KitErrorCode.Timeout)
    expect(await redriveDeadLetters(connection, stream.name, {}, { dryRun: false })).toMatchObject({ redriven: 1 })
    await waitFor(() => begun > 1 || JSON.stringify(calculator.logs).includes('requestExpired'), { what: 'its end' })
    expect(begun).toBe(1)
  })

  test('with a response that does not fit is a failure, and no answer', async () => {
    const { requester, division, answer } = await setStored(broker.current)
    const { calculator } = await answer(() => ({ quotient: 'two' }) as never)
    const asked = requester.request(division, { a: 6, b: 3 }, { id: 'broken', timeoutMs: 2_000 })
    expect((await failure(asked)).code).toBe(KitErrorCode.Timeout)
    expect(JSON.stringify(calculator.logs)).toContain('the response does not fit')
    expect((await failure(requester.answer(division, 'broken', { timeoutMs: 100 }))).code).toBe(KitErrorCode.Timeout)
  })

  test('whose stored answer is broken is told as that', async () => {
    const { requester, division, connection, contracts } = await setStored(broker.current)
    const [, lookup = ''] = storedRequestSubjects({ name: 'asker' }, division, contracts)
    const subject = lookup.slice(lookup.indexOf('answer.')).replace('*', createHash('sha256').update('x').digest('hex'))
    await connection.client.request(subject, '{"quotient":"two"}')
    expect((await failure(requester.answer(division, 'x', { timeoutMs: 10_000 }))).code).toBe(
      KitErrorCode.InvalidResponse,
    )
  })

  test('that is delivered twice has one answer, and with a once store runs once', async () => {
    const { requester, division, answer, connection } = await setStored(broker.current, { duplicateWindowMs: 200 })
    let runs = 0
    await answer(
      ({ a }) => {
        runs++
        return { quotient: a + runs }
      },
      { once: kvOnceStore() },
    )
    expect(await requester.request(division, { a: 1, b: 1 }, { id: 'twice' })).toEqual({ quotient: 2 })
    // Past the duplicate window: another message of the same id, as the broker would take it then.
    const head = headers()
    head.set('Nats-Msg-Id', 'division.asker.twice')
    const again = () =>
      connection.client.request(`${division.subject}.asker`, '{"a":5,"b":1}', { headers: head, timeout: 5_000 })
    await waitFor(async () => !('duplicate' in (await again()).json<object>()), { what: 'the broker to forget the id' })
    await requester.request(division, { a: 7, b: 1 })
    expect(await requester.answer(division, 'twice')).toEqual({ quotient: 2 })
    // The first and the last of them.
    expect(runs).toBe(2)
  })

  test('whose responder is killed in the midst is answered by the next one, once', async () => {
    const { requester, division, key, connection } = await setStored(broker.current)
    const start = (isFirst: boolean): { readonly child: ChildProcess; readonly lines: string[] } => {
      const child = spawn(process.execPath, ['--conditions=@alarm-bus/source', PROCESS], {
        env: { ...process.env, URL: broker.current.url, KEY: key, FIRST: String(isFirst) },
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      onEnd(async () => void child.kill('SIGKILL'))
      const lines: string[] = []
      createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (line) => lines.push(line))
      return { child, lines }
    }
    const first = start(true)
    await waitFor(() => first.lines.includes('ready'), { what: 'the first responder', deadlineMs: 30_000 })
    // The first never answers what has b = 0.
    const asked = Array.from({ length: 20 }, (_, a) => requester.request(division, { a, b: a % 2 }, { id: `k${a}` }))
    await waitFor(() => first.lines.filter((line) => line.startsWith('begun')).length >= 15, { what: 'the handlers' })
    first.child.kill('SIGKILL')
    const second = start(false)
    await waitFor(() => second.lines.includes('ready'), { what: 'the second responder', deadlineMs: 30_000 })
    const answers = await Promise.all(asked)
    expect(answers).toEqual(asked.map((_, a) => ({ quotient: a })))
    const kept = await subjectsOf(connection, `S_${key}_ANSWERS`)
    expect(Object.values(kept)).toEqual(asked.map(() => 1))
  })
})

describe('is refused', () => {
  test('an id or a look for an answer of a request that is not stored, and a deadline past the request’s own', async () => {
    const { requester, division } = await setStored(broker.current)
    const tooLong = requester.request(division, { a: 1, b: 1 }, { timeoutMs: 31_000 })
    expect((await failure(tooLong)).code).toBe(KitErrorCode.InvalidOptions)
    const invalid = requester.request(division, { a: 'one', b: 1 } as never)
    expect((await failure(invalid)).code).toBe(KitErrorCode.InvalidMessage)
  })
})
