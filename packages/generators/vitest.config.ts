import { defineConfig, mergeConfig } from 'vitest/config'
import { sharedConfig } from '../../vitest.shared.ts'

// CommonJS libraries are imported as Node does it, so that tests and commands see the same.
export default mergeConfig(sharedConfig, defineConfig({ test: { deps: { interopDefault: false } } }))
