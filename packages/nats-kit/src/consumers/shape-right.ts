import { KitError, KitErrorCode } from '../errors.ts'

/** How long a refusal counts, in milliseconds: each attempt is a line in the broker's log, and rights are seldom given. */
const REFUSED_MS = 300_000

/** Whether this app's user may make and change its consumer, or `pnpm ops apply` does: found out by trying. */
export class ShapeRight {
  #refusedUntil = Number.NEGATIVE_INFINITY

  get isRefused(): boolean {
    return performance.now() < this.#refusedUntil
  }

  /**
   * @returns what `shape` does, or what `otherwise` says where it may not be done.
   * @throws what either throws.
   */
  async try<T>(shape: () => Promise<T>, otherwise: () => T): Promise<T> {
    if (this.isRefused) return otherwise()
    try {
      return await shape()
    } catch (error) {
      if (!KitError.is(error, KitErrorCode.PermissionDenied)) throw error
      this.#refusedUntil = performance.now() + REFUSED_MS
      return otherwise()
    }
  }
}
