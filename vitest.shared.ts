import { defineConfig } from 'vitest/config'

/** What every package's tests share: TypeScript sources of the workspace, one deadline, a report that CI can add up. */
export const sharedConfig = defineConfig({
  resolve: { conditions: ['@alarm-bus/source'] },
  ssr: { resolve: { conditions: ['@alarm-bus/source'] } },
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    reporters: ['default', ['json', { outputFile: '.vitest/results.json' }]],
  },
})
