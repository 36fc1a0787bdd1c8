import { KitError, KitErrorCode } from '../errors.ts'

/** When the watchdog speaks up. */
export interface WatchdogOptions {
  /**
   * How often a consumer is looked up while there is something to see: messages flow or wait, something is wrong, or it
   * has just started. In milliseconds, a fifth more or less by chance. Default 5,000.
   */
  readonly lookMs?: number
  /**
   * How often one is looked up while nothing happens, in milliseconds, up to a fifth more by chance; at least `lookMs`.
   * Default 30,000. A push consumer that instances share is looked up every 10,000: without heartbeats
   * nothing else tells that it is gone.
   */
  readonly idleLookMs?: number
  /** Messages wait and none is settled for this long: stalled, in milliseconds. Default 60,000; longer than a handler takes. */
  readonly stalledAfterMs?: number
  /** This many messages that wait, and do not get fewer, make a slow consumer. Default 1,000. */
  readonly lagMessages?: number
  /** How often a consumer's position is noted on the broker, for the comparison after a restart. Default 60,000. */
  readonly noteEveryMs?: number
}

export type WatchdogSettings = Required<WatchdogOptions>

/** @throws KitError `invalid_options`, naming the option. */
export function resolveWatchdogOptions(options: WatchdogOptions = {}): WatchdogSettings {
  const settings = {
    lookMs: options.lookMs ?? 5_000,
    idleLookMs: options.idleLookMs ?? 30_000,
    stalledAfterMs: options.stalledAfterMs ?? 60_000,
    lagMessages: options.lagMessages ?? 1_000,
    noteEveryMs: options.noteEveryMs ?? 60_000,
  }
  for (const [name, value] of Object.entries(settings)) {
    if (!Number.isSafeInteger(value) || value < 1) {
      throw new KitError(KitErrorCode.InvalidOptions, `watchdog: ${name} must be a whole number from 1, not ${value}`)
    }
  }
  return settings
}
