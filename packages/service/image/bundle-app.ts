import { readdir } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { build } from 'esbuild'

/**
 * Puts a deployed app and what it imports into `dist/bundle`: a start reads one file in place of a thousand, and memory
 * holds only what is used. Names and lines stay, so that a stack says where.
 *
 * A file called `*-worker.js` is what a thread runs: it stays a file of its own, beside the bundle's others.
 *
 * As deep below the app as the modules that look for files beside its package.json (`../../docs/`).
 *
 * @param folder the app as `pnpm deploy` left it, with `dist/main.js` and `node_modules`.
 */
async function bundleApp(folder: string): Promise<void> {
  const files = await readdir(join(folder, 'dist'), { recursive: true })
  const workers = files.filter((file) => file.endsWith('-worker.js') && !file.startsWith('bundle'))
  await build({
    absWorkingDir: folder,
    entryPoints: [
      { in: join(folder, 'dist/main.js'), out: 'main' },
      ...workers.map((file) => ({ in: join(folder, 'dist', file), out: basename(file, '.js') })),
    ],
    outdir: join(folder, 'dist/bundle'),
    bundle: true,
    // What is imported when it is needed stays a file of its own.
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node26',
    // They look for files beside themselves, or may be missing.
    external: ['@fastify/swagger', '@fastify/swagger-ui', 'pg-native'],
    mainFields: ['module', 'main'],
    minifyWhitespace: true,
    minifySyntax: true,
    lineLimit: 120,
    legalComments: 'none',
    sourcemap: 'linked',
    sourcesContent: false,
    // Memory holds a text of ASCII alone at half the size: the rest is escaped.
    charset: 'ascii',
    // CommonJS dependencies require Node's own modules.
    banner: {
      js: "import { createRequire as createRequireOfBundle } from 'node:module'; const require = createRequireOfBundle(import.meta.url);",
    },
    logLevel: 'warning',
  })
}

const [folder] = process.argv.slice(2)
if (folder === undefined) {
  console.error('usage: node bundle-app.ts <folder of the deployed app>')
  process.exitCode = 1
} else {
  await bundleApp(resolve(folder))
}
