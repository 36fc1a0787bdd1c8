import { defineConfig, mergeConfig } from 'vitest/config'
import { sharedConfig } from '../../vitest.shared.ts'

// Each test starts whole stacks of processes; one file at a time leaves them the processors.
export default mergeConfig(sharedConfig, defineConfig({ test: { testTimeout: 120_000, fileParallelism: false } }))
