import type { OnceClaim, OnceKey, OnceStore } from './once-store.ts'

/**
 * A store for tests, and for an app of one process that may repeat work after a restart. Past `maxEntries` messages
 * (default 100,000) it forgets the ones that were handled first.
 */
export function createMemoryOnceStore(maxEntries = 100_000): OnceStore {
  const done = new Set<string>()
  const running = new Set<string>()
  return {
    async claim(key: OnceKey): Promise<OnceClaim | 'running' | 'done'> {
      const name = `${key.stream} ${key.consumer} ${key.seq} ${key.storedAt.getTime()}`
      if (done.has(name)) return 'done'
      if (running.has(name)) return 'running'
      running.add(name)
      return {
        async done() {
          running.delete(name)
          done.add(name)
          for (const oldest of done) {
            if (done.size <= maxEntries) break
            done.delete(oldest)
          }
        },
        async release() {
          running.delete(name)
        },
      }
    },
    async close() {
      running.clear()
    },
  }
}
