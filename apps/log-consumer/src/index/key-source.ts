import type { LogKey } from '../store/log-row.ts'

/** Keys in order, some at a time. */
export class KeySource {
  readonly #more: () => Promise<readonly LogKey[] | undefined>
  #keys: readonly LogKey[]
  #at = 0

  /** @param more the next keys, perhaps none; undefined at the end. */
  constructor(keys: readonly LogKey[], more: () => Promise<readonly LogKey[] | undefined> = async () => undefined) {
    this.#keys = keys
    this.#more = more
  }

  /** The first that was not taken; undefined when more have to be fetched. */
  get head(): LogKey | undefined {
    return this.#keys[this.#at]
  }

  take(): void {
    this.#at++
  }

  /** @returns false at the end. */
  async fetch(): Promise<boolean> {
    const keys = await this.#more()
    if (!keys) return false
    this.#keys = keys
    this.#at = 0
    return true
  }
}
