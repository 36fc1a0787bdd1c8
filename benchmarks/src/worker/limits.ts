/** A round that takes longer has lost something. */
export const ROUND_TIMEOUT_MS = 60_000
