import { describe, expect, expectTypeOf, test } from 'vitest'
import { KitErrorCode, remoteErrorOf } from '../../src/index.ts'
import { waitFor } from '../../src/testing.ts'
import { useBroker } from '../harness.ts'
import { failure, setScene } from './scene.ts'

const broker = useBroker()

describe('an answer', () => {
  test('is the response, checked and completed on both ends', async () => {
    const { requester, division, answer } = await setScene(broker.current)
    await answer(({ a, b, note }) => ({ quotient: a / b, note }))
    const response = await requester.request(division, { a: 6, b: 3 })
    expectTypeOf(response).toEqualTypeOf<{ quotient: number; note: string }>()
    expect(response).toEqual({ quotient: 2, note: 'none' })
  })

  test('of a thousand at once goes to the one that asked for it', async () => {
    const { requester, division, answer } = await setScene(broker.current)
    await answer(async ({ a, b, note }) => ({ quotient: a / b, note }), { maxWaiting: 1_000 })
    const asked = Array.from({ length: 1_000 }, (_, a) => requester.request(division, { a, b: 1 }))
    expect((await Promise.all(asked)).map(({ quotient }) => quotient)).toEqual(asked.map((_, a) => a))
  })

  test('comes from one of the instances, which share the requests', async () => {
    const { requester, division, answer } = await setScene(broker.current)
    const handled = [0, 0]
    for (const [instance] of handled.entries()) {
      await answer(({ a, note }) => {
        handled[instance] = (handled[instance] ?? 0) + 1
        return { quotient: a, note }
      })
    }
    await Promise.all(Array.from({ length: 200 }, (_, a) => requester.request(division, { a, b: 1 })))
    expect(handled[0]).toBeGreaterThan(0)
    expect(handled[1]).toBeGreaterThan(0)
    expect((handled[0] ?? 0) + (handled[1] ?? 0)).toBe(200)
  })

  test('gives a handler the headers of its request, and how long it has', async () => {
    const { requester, division, answer } = await setScene(broker.current)
    let seen: unknown
    await answer(({ a, note }, context) => {
      seen = [context.header('Request-Id'), context.remainingMs > 0 && context.remainingMs <= 5_000, context.request]
      return { quotient: a, note }
    })
    await requester.request(division, { a: 1, b: 1 }, { headers: { 'Request-Id': 'r-1' }, timeoutMs: 5_000 })
    expect(seen).toEqual(['r-1', true, 'division'])
  })
})

describe('an error', () => {
  test('that the request declares comes with its detail, typed', async () => {
    const { requester, division, answer } = await setScene(broker.current)
    await answer(({ a }, context) => {
      throw context.error('division_by_zero', { a })
    })
    const error = await failure(requester.request(division, { a: 7, b: 0 }))
    expect(error.code).toBe(KitErrorCode.RemoteError)
    const remote = remoteErrorOf(division, error)
    if (remote?.code === 'division_by_zero') expectTypeOf(remote.detail).toEqualTypeOf<{ a: number }>()
    expect(remote).toEqual({ code: 'division_by_zero', detail: { a: 7 } })
    const other = await setScene(broker.current)
    expect(remoteErrorOf(other.division, error)).toBeUndefined()
  })

  test.each([
    ['is thrown', () => Promise.reject(new Error('password is 1234'))],
    [
      'is thrown at once',
      () => {
        throw new Error('password is 1234')
      },
    ],
    ['has a response that does not fit', () => ({ quotient: 'password is 1234' as never, note: '' })],
    ['has a response that is too large', () => ({ quotient: 1, note: 'password is 1234'.repeat(100) })],
    ['has nothing as its response', () => undefined as never],
    [
      'cannot be read',
      () => {
        throw new Proxy(
          {},
          {
            getPrototypeOf() {
              throw new Error('password is 1234')
            },
          },
        )
      },
    ],
  ])('that %s is internal, and its text stays with the responder', async (_, handle) => {
    const { requester, division, answer } = await setScene(broker.current)
    const { connection } = await answer(handle)
    const headers = { 'Request-Id': 'r-7' }
    const error = await failure(requester.request(division, { a: 7, b: 0 }, { headers }))
    expect(remoteErrorOf(division, error)).toEqual({ code: 'internal', detail: undefined })
    expect(JSON.stringify([error.message, error.remote, error.cause])).not.toContain('1234')
    const failed = connection.logs.lines.filter(({ fields }) => fields['event'] === 'responderFailed')
    expect(failed.map(({ fields }) => fields['requestId'])).toEqual(['r-7'])
  })

  test('whose detail does not fit is internal', async () => {
    const { requester, division, answer } = await setScene(broker.current)
    await answer((_, context) => {
      throw context.error('division_by_zero', { a: 'seven' as never })
    })
    const error = await failure(requester.request(division, { a: 7, b: 0 }))
    expect(remoteErrorOf(division, error)?.code).toBe('internal')
  })
})

describe('nothing is sent', () => {
  test('of an input that does not fit', async () => {
    const { requester, division } = await setScene(broker.current)
    const wrong = await failure(requester.request(division, { a: 'x', b: 1 } as never))
    expect(wrong).toMatchObject({ code: KitErrorCode.InvalidMessage, issues: [{ path: '/a' }] })
    const unknown = await failure(requester.request(division, { a: 1, b: 1, c: 1 } as never))
    expect(unknown).toMatchObject({ code: KitErrorCode.InvalidMessage, issues: [{ path: '/c' }] })
    const large = await failure(requester.request(division, { a: 1, b: 1, note: 'x'.repeat(2_000) }))
    expect(large.code).toBe(KitErrorCode.MessageTooLarge)
  })

  test.each([0, -1, Number.NaN, Infinity, 60_001])('with a timeout of %d', async (timeoutMs) => {
    const { requester, division } = await setScene(broker.current)
    const error = await failure(requester.request(division, { a: 1, b: 1 }, { timeoutMs }))
    expect(error.code).toBe(KitErrorCode.InvalidOptions)
  })

  test('of a request that the contracts lack, past the bound, and by an aborted signal', async () => {
    const { requester, division, answer } = await setScene(broker.current, { maxInFlight: 1 })
    const { division: other } = await setScene(broker.current)
    expect((await failure(requester.request(other, { a: 1, b: 1 }))).code).toBe(KitErrorCode.InvalidOptions)
    let handled = 0
    await answer(({ a, note }) => {
      handled++
      return { quotient: a, note }
    })
    const first = requester.request(division, { a: 1, b: 1 })
    expect((await failure(requester.request(division, { a: 1, b: 1 }))).code).toBe(KitErrorCode.TooManyInFlight)
    const signal = AbortSignal.abort()
    expect((await failure(requester.request(division, { a: 1, b: 1 }, { signal }))).code).toBe(KitErrorCode.Aborted)
    await first
    expect(handled).toBe(1)
  })
})

describe('no answer', () => {
  test('because no responder runs is told at once', async () => {
    const { requester, division } = await setScene(broker.current)
    // The request's own time is 20 s, longer than this test may take.
    const error = await failure(requester.request(division, { a: 1, b: 1 }))
    expect(error).toMatchObject({ code: KitErrorCode.NoResponder, message: expect.stringContaining(division.subject) })
  })

  test('in time is a timeout, and the handler’s signal aborts', async () => {
    const { requester, division, answer } = await setScene(broker.current)
    const reasons: unknown[] = []
    await answer(
      (_, { signal }) => new Promise(() => signal.addEventListener('abort', () => reasons.push(signal.reason))),
    )
    const error = await failure(requester.request(division, { a: 1, b: 1 }, { timeoutMs: 100 }))
    expect(error.code).toBe(KitErrorCode.Timeout)
    await waitFor(() => reasons.length === 1, { what: 'the signal to abort' })
    expect(String(reasons[0])).toContain('waits no longer')
  })

  test('is waited for any more once the caller’s signal aborts', async () => {
    const { requester, division, answer } = await setScene(broker.current)
    const abort = new AbortController()
    await answer(() => {
      abort.abort(new Error('changed my mind'))
      return new Promise(() => {})
    })
    const error = await failure(requester.request(division, { a: 1, b: 1 }, { signal: abort.signal }))
    expect(error).toMatchObject({ code: KitErrorCode.Aborted, cause: new Error('changed my mind') })
  })
})

describe('more than may run at once', () => {
  test('wait for their turn, and beyond them are told so at once', async () => {
    const { requester, division, answer } = await setScene(broker.current)
    let running = 0
    let most = 0
    const release: (() => void)[] = []
    await answer(
      async ({ a, note }) => {
        most = Math.max(most, ++running)
        await new Promise<void>((resolve) => release.push(resolve))
        running--
        return { quotient: a, note }
      },
      { concurrency: 2, maxWaiting: 3 },
    )
    const asked = Array.from({ length: 8 }, (_, a) =>
      requester.request(division, { a, b: 1 }).catch((error: unknown) => remoteErrorOf(division, error)),
    )
    const told = await Promise.all(asked.slice(5))
    expect(told).toEqual(Array.from({ length: 3 }, () => ({ code: 'overloaded', detail: undefined })))
    for (let answered = 0; answered < 5; answered++) {
      await waitFor(() => release.length > 0, { what: 'a handler to run' })
      release.shift()?.()
    }
    expect(await Promise.all(asked.slice(0, 5))).toMatchObject([0, 1, 2, 3, 4].map((quotient) => ({ quotient })))
    expect(most).toBe(2)
  })

  test('are not begun after their caller has stopped waiting', async () => {
    const { requester, division, answer } = await setScene(broker.current)
    const begun: number[] = []
    let release = (): void => undefined
    const { connection } = await answer(
      async ({ a, note }) => {
        begun.push(a)
        if (a === 0) await new Promise<void>((resolve) => (release = resolve))
        return { quotient: a, note }
      },
      { concurrency: 1 },
    )
    const first = requester.request(division, { a: 0, b: 1 })
    await waitFor(() => begun.length === 1, { what: 'the first to run' })
    const late = requester.request(division, { a: 1, b: 1 }, { timeoutMs: 50 })
    expect((await failure(late)).code).toBe(KitErrorCode.Timeout)
    const isExpired = ({ fields }: { readonly fields: Readonly<Record<string, unknown>> }) =>
      fields['kind'] === 'expired'
    await waitFor(() => connection.logs.lines.some(isExpired), { what: 'the request to expire where it waits' })
    const patient = requester.request(division, { a: 2, b: 1 })
    release()
    await Promise.all([first, patient])
    expect(begun).toEqual([0, 2])
  })
})
