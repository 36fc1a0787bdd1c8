import { KitError, KitErrorCode } from './errors.ts'

/** @throws KitError `aborted` once the signal is. */
export function refuseAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new KitError(KitErrorCode.Aborted, 'ended by its signal', { cause: signal.reason })
}
