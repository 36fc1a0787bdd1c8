import { cpSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'vitepress'
import { deadAnchors, loadedFromElsewhere } from './check-built.ts'
import { imagesIn, siteConfig } from './site-config.ts'
import { sitePages } from './site-pages.ts'

const PACKAGE = fileURLToPath(new URL('..', import.meta.url))
const REPOSITORY = fileURLToPath(new URL('../../../', import.meta.url))
const PAGES = join(PACKAGE, '.pages')
const OUT = join(PACKAGE, 'dist')

/** VitePress reads a module; functions it takes from `src`. */
const configOf = (config: object): string => `import { slugify } from '../../src/slugify.ts'
const config = ${JSON.stringify(config, null, 2)}
export default { ...config, markdown: { ...config.markdown, anchor: { slugify } } }
`

const pages = sitePages(REPOSITORY)
rmSync(PAGES, { recursive: true, force: true })
for (const { path, text } of pages) {
  const file = join(PAGES, path)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, text)
}
const images = imagesIn(REPOSITORY)
if (images !== undefined) cpSync(images, join(PAGES, 'docs/images'), { recursive: true })

mkdirSync(join(PAGES, '.vitepress'))
writeFileSync(join(PAGES, '.vitepress/config.mjs'), configOf(siteConfig(pages, { srcDir: PAGES, outDir: OUT })))
await build(PAGES)

const built = new Map(
  globSync('**/*.{html,css}', { cwd: OUT }).map((file) => [`/${file}`, readFileSync(join(OUT, file), 'utf8')]),
)
if (built.size < pages.length) throw new Error(`only ${built.size} files were built of ${pages.length} pages`)
const problems = [
  ...[...built].flatMap(([file, text]) => loadedFromElsewhere(text).map((address) => `${file} loads ${address}`)),
  ...deadAnchors(built),
]
if (problems.length > 0) {
  console.error(problems.join('\n'))
  process.exitCode = 1
} else console.log(`site: ${pages.length} pages in packages/site/dist; no dead link, nothing is loaded from elsewhere`)
