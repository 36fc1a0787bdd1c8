import { defineConfig, mergeConfig } from 'vitest/config'
import { sharedConfig } from '../../vitest.shared.ts'

// Most of these tests wait for a broker; a second worker uses that time.
export default mergeConfig(sharedConfig, defineConfig({ test: { maxWorkers: 2 } }))
