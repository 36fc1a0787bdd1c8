import { defineConfig, mergeConfig } from 'vitest/config'
import { sharedConfig } from '../../vitest.shared.ts'

// The first run on a new machine fetches a nats-server, which may go through Debian's package lists.
const FETCH_TIMEOUT_MS = 300_000

export default mergeConfig(
  sharedConfig,
  defineConfig({ test: { testTimeout: 120_000, hookTimeout: FETCH_TIMEOUT_MS } }),
)
