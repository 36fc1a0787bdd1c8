import { defineConfig, mergeConfig } from 'vitest/config'
import { sharedConfig } from '../../vitest.shared.ts'

// Stacks of processes wait more than they compute, so two files share the processors. They have directories, ports and,
// where they write, a copy of the repository of their own.
export default mergeConfig(sharedConfig, defineConfig({ test: { testTimeout: 120_000, maxWorkers: 2 } }))
