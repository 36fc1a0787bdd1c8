/**
 * Takes one value at a time from an iterable, and can stop waiting for one: a source may take for ever.
 * What the source throws is thrown by `next`.
 */
export class MessageSource<T> {
  readonly #iterator: AsyncIterator<T> | Iterator<T>
  #interrupt: (() => void) | undefined
  #stopped = false

  constructor(iterable: AsyncIterable<T> | Iterable<T>) {
    this.#iterator = Symbol.asyncIterator in iterable ? iterable[Symbol.asyncIterator]() : iterable[Symbol.iterator]()
  }

  /** Undefined at the end, and after `stop`. */
  next(): Promise<{ readonly value: T } | undefined> | { readonly value: T } | undefined {
    if (this.#stopped) return undefined
    const step = this.#iterator.next()
    // What is there already costs no turn of the event loop's queue.
    if (!(step instanceof Promise)) return this.#taken(step as IteratorResult<T>)
    // A promise of its own for each value: racing them all against one that lives long would keep them all.
    return new Promise((resolve, reject) => {
      this.#interrupt = () => resolve(undefined)
      step.then((result) => resolve(this.#taken(result)), reject)
    })
  }

  /** Nothing more is asked for, and nobody waits any longer. */
  stop(): void {
    this.#stopped = true
    this.#interrupt?.()
  }

  /** Lets the source clean up. Not waited for: it may still be busy with a value that nobody wants. */
  release(): void {
    try {
      Promise.resolve(this.#iterator.return?.()).catch(() => {})
    } catch {
      // The end was reached or caused elsewhere, and that is what is reported.
    }
  }

  #taken(result: IteratorResult<T>): { readonly value: T } | undefined {
    return result.done || this.#stopped ? undefined : result
  }
}
