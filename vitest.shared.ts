import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { defineConfig } from 'vitest/config'

// The tests start hundreds of processes, and compiling the same modules was a third of each one's start. Node keeps what
// it compiled here, for test files and for what passes the variable on.
process.env['NODE_COMPILE_CACHE'] ??= join(import.meta.dirname, 'node_modules/.cache/compiled')

/** What every package's tests share: TypeScript sources of the workspace, one deadline, a report that CI can add up. */
export const sharedConfig = defineConfig({
  resolve: { conditions: ['@alarm-bus/source'] },
  ssr: { resolve: { conditions: ['@alarm-bus/source'] } },
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Tests wait for brokers and processes far more than they compute: also on two processors two files run at a time.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    reporters: ['default', ['json', { outputFile: '.vitest/results.json' }]],
  },
})
