import { join } from 'node:path'
import { defineConfig } from 'vite'

const server = 'http://127.0.0.1:3003'

export default defineConfig({
  root: join(import.meta.dirname, 'web'),
  // The server answers /assets with a year's caching: the names carry a hash of the content.
  build: {
    outDir: join(import.meta.dirname, 'web/dist'),
    emptyOutDir: true,
    assetsInlineLimit: 0,
    // The polyfill would be an inline script in older targets; every browser that this is built for preloads by itself.
    modulePreload: { polyfill: false },
    target: 'es2022',
    cssTarget: ['chrome123', 'firefox120', 'safari17.5'],
  },
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  server: { proxy: { '/api': server } },
})
