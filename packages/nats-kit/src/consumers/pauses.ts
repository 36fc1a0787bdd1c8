import type { Channel } from '@alarm-bus/contracts'
import { KitError, KitErrorCode } from '../errors.ts'

/** Ends one pause. Calling it again does nothing. */
export type Resume = () => void

/** The pauses of an app's consumers. A consumer runs while there is no pause of its channel. */
export class Pauses {
  readonly #channels: ReadonlySet<string>
  readonly #held = new Set<{ readonly channel: string | undefined; readonly reason: string }>()
  readonly #listeners = new Set<() => void>()

  /** @param channels the names of those that the app handles. */
  constructor(channels: readonly string[]) {
    this.#channels = new Set(channels)
  }

  /** @throws KitError `invalid_options` for a channel that the app does not handle. */
  pause(reason: string, channel?: Channel): Resume {
    if (channel !== undefined && !this.#channels.has(channel.name)) {
      const name = JSON.stringify(channel.name)
      throw new KitError(KitErrorCode.InvalidOptions, `channel ${name} cannot be paused: it has no handler here`)
    }
    const pause = { channel: channel?.name, reason }
    this.#held.add(pause)
    this.#tell()
    return () => {
      if (this.#held.delete(pause)) this.#tell()
    }
  }

  /** Why a channel is paused, every reason; undefined while it is not. */
  reasonOf(channel: string): string | undefined {
    if (!this.#channels.has(channel)) return undefined
    const reasons = [...this.#held].filter((pause) => pause.channel === undefined || pause.channel === channel)
    return reasons.length === 0 ? undefined : reasons.map(({ reason }) => reason).join('; ')
  }

  /** @returns a function that ends the listening. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** Resolves at the next change, or when the signal aborts. */
  async changed(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return
    await new Promise<void>((resolve) => {
      const done = (): void => {
        unlisten()
        signal.removeEventListener('abort', done)
        resolve()
      }
      const unlisten = this.onChange(done)
      signal.addEventListener('abort', done)
    })
  }

  #tell(): void {
    for (const listener of [...this.#listeners]) listener()
  }
}
