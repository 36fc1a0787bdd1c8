import { setTimeout as sleep } from 'node:timers/promises'

export interface GroupCommitOptions<T> {
  /** Writes all or none. */
  readonly write: (items: readonly T[]) => Promise<void>
  /** Whether the write failed by the fault of an item. Else nothing can be written now, and it is tried again. */
  readonly isItemFault: (error: unknown) => boolean
  /** Items of one write. */
  readonly maxItems: number
  /** How long the first item waits for others while nothing is being written, in milliseconds. */
  readonly maxWaitMs: number
  /** Items that wait or are being written; one more is refused. */
  readonly maxQueued: number
}

interface Waiting<T> {
  readonly item: T
  settled: boolean
  settle(error?: unknown): void
}

/** Between two tries of a write that nothing can take now; doubled each time, up to the cap. */
const FIRST_BACKOFF_MS = 100
const MAX_BACKOFF_MS = 2_000

/**
 * Puts items that come one by one into writes of many.
 *
 * - `add` resolves when the item is written, and not before.
 * - An item that cannot be written rejects alone: a write that fails by its fault is halved until it stands by itself.
 * - While nothing can be written, items wait; each rejects when its signal aborts.
 * - What comes while a write runs goes into the next: under load no message waits for `maxWaitMs`.
 */
export class GroupCommit<T> {
  readonly #options: GroupCommitOptions<T>
  readonly #queue: Waiting<T>[] = []
  readonly #closed = new AbortController()
  #writing = 0
  #timer: NodeJS.Timeout | undefined

  constructor(options: GroupCommitOptions<T>) {
    this.#options = options
  }

  /** Items that are not written yet. */
  get waiting(): number {
    return this.#queue.length + this.#writing
  }

  add(item: T, signal: AbortSignal): Promise<void> {
    const { maxItems, maxQueued, maxWaitMs } = this.#options
    if (signal.aborted) return Promise.reject(signal.reason)
    if (this.#closed.signal.aborted) return Promise.reject(this.#closed.signal.reason)
    if (this.waiting >= maxQueued) {
      return Promise.reject(new Error(`${maxQueued} records wait to be stored already`))
    }
    return new Promise((resolve, reject) => {
      const onAbort = (): void => waiting.settle(signal.reason)
      const waiting: Waiting<T> = {
        item,
        settled: false,
        settle(error) {
          if (this.settled) return
          this.settled = true
          signal.removeEventListener('abort', onAbort)
          if (error === undefined) resolve()
          else reject(error)
        },
      }
      signal.addEventListener('abort', onAbort, { once: true })
      this.#queue.push(waiting)
      if (this.#writing > 0) return
      if (this.#queue.length >= maxItems) void this.#run()
      else this.#timer ??= setTimeout(() => void this.#run(), maxWaitMs)
    })
  }

  /** Refuses what is not written yet. */
  close(): void {
    clearTimeout(this.#timer)
    this.#closed.abort(new Error('the store is closed'))
    for (const waiting of this.#queue.splice(0)) waiting.settle(this.#closed.signal.reason)
  }

  async #run(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#writing > 0) return
    while (this.#queue.length > 0) {
      const batch = this.#queue.splice(0, this.#options.maxItems)
      this.#writing = batch.length
      await this.#write(batch)
      this.#writing = 0
    }
  }

  async #write(batch: readonly Waiting<T>[]): Promise<void> {
    for (let backoffMs = FIRST_BACKOFF_MS; ; backoffMs = Math.min(MAX_BACKOFF_MS, backoffMs * 2)) {
      // A caller that has given up meanwhile gets the message again.
      const waiting = batch.filter(({ settled }) => !settled)
      if (waiting.length === 0) return
      try {
        await this.#options.write(waiting.map(({ item }) => item))
        for (const one of waiting) one.settle()
        return
      } catch (error) {
        if (this.#options.isItemFault(error)) return this.#isolate(waiting, error)
        if (this.#closed.signal.aborted) {
          for (const one of waiting) one.settle(error)
          return
        }
        await sleep(backoffMs * (0.5 + Math.random() / 2), undefined, { signal: this.#closed.signal }).catch(
          () => undefined,
        )
      }
    }
  }

  async #isolate(waiting: readonly Waiting<T>[], error: unknown): Promise<void> {
    if (waiting.length === 1) return waiting[0]?.settle(error)
    const half = Math.ceil(waiting.length / 2)
    await this.#write(waiting.slice(0, half))
    await this.#write(waiting.slice(half))
  }
}
