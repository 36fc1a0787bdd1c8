import { waitFor } from '@alarm-bus/nats-kit/testing'
import { describe, expect, test } from 'vitest'
import { GroupCommit, type GroupCommitOptions } from './group-commit.ts'

const never = new AbortController().signal

/** Writes that end when the test says so. */
function heldWrites(options: Partial<GroupCommitOptions<number>> = {}) {
  const writes: { readonly items: readonly number[]; end(error?: Error): void }[] = []
  const commits = new GroupCommit<number>({
    maxItems: 4,
    maxWaitMs: 1,
    maxQueued: 10,
    isItemFault: (error) => (error as Error).message === 'bad item',
    write: (items) =>
      new Promise((resolve, reject) => {
        writes.push({ items, end: (error) => (error ? reject(error) : resolve()) })
      }),
    ...options,
  })
  return { commits, writes }
}

/** Until so many writes have begun. */
const begun = (writes: readonly unknown[], count: number) =>
  waitFor(() => writes.length === count, { what: `write ${count}`, everyMs: 1 })

describe('a group commit', () => {
  test('resolves with its write, and what comes meanwhile goes into the next, so many at a time', async () => {
    const { commits, writes } = heldWrites()
    const done: number[] = []
    const add = (item: number) => commits.add(item, never).then(() => done.push(item))
    const first = [add(1), add(2)]
    await begun(writes, 1)
    const rest = [3, 4, 5, 6, 7].map(add)
    expect(done).toEqual([])
    expect(writes.map(({ items }) => items)).toEqual([[1, 2]])
    writes[0]?.end()
    await Promise.all(first)
    expect(done).toEqual([1, 2])
    await begun(writes, 2)
    writes[1]?.end()
    await begun(writes, 3)
    writes[2]?.end()
    await Promise.all(rest)
    expect(writes.map(({ items }) => items)).toEqual([[1, 2], [3, 4, 5, 6], [7]])
  })

  test('refuses one more than may wait', async () => {
    const { commits } = heldWrites({ maxQueued: 2 })
    const waiting = [1, 2].map((item) => commits.add(item, never).catch((error: unknown) => error))
    await expect(commits.add(3, never)).rejects.toThrow('2 records wait')
    commits.close()
    expect(String((await Promise.all(waiting))[0])).toContain('closed')
  })

  test('an item whose signal aborts rejects at once and is not tried again; the others go on', async () => {
    const { commits, writes } = heldWrites()
    const abort = new AbortController()
    const given = commits.add(1, abort.signal)
    const kept = commits.add(2, never)
    await begun(writes, 1)
    abort.abort(new Error('out of time'))
    await expect(given).rejects.toThrow('out of time')
    writes[0]?.end(new Error('away'))
    await begun(writes, 2)
    expect(writes[1]?.items).toEqual([2])
    writes[1]?.end()
    await kept
    await expect(commits.add(3, abort.signal)).rejects.toThrow('out of time')
  })

  test('an item that cannot be written rejects alone, also when nothing can be written for a while in between', async () => {
    let away = 2
    const written: number[] = []
    const { commits } = heldWrites({
      write: async (items) => {
        if (items.length < 4 && away-- > 0) throw new Error('away')
        if (items.includes(3)) throw new Error('bad item')
        written.push(...items)
      },
    })
    const results = await Promise.allSettled([1, 2, 3, 4].map((item) => commits.add(item, never)))
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'fulfilled'])
    expect(written).toEqual([1, 2, 4])
  })
})
