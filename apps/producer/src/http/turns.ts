import { setImmediate as nextTurn } from 'node:timers/promises'

/** How long one batch keeps the event loop to itself, in milliseconds. */
const MAX_TURN_MS = 5

/** Gives the event loop back to others once a while, for work that would go on without ever waiting for it. */
export function turns(): { readonly isOver: () => boolean; readonly next: () => Promise<void> } {
  let beganAtMs = performance.now()
  return {
    isOver: () => performance.now() - beganAtMs > MAX_TURN_MS,
    async next() {
      await nextTurn()
      beganAtMs = performance.now()
    },
  }
}
