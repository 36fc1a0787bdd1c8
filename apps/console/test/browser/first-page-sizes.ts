import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'

const built = join(import.meta.dirname, '../../web/dist')

/** What a browser loads before it shows anything, as it is built, compressed by gzip. */
export function firstPageSizes(): {
  readonly files: readonly string[]
  readonly compressedBytes: number
  readonly html: string
} {
  const index = join(built, 'index.html')
  if (!existsSync(index)) throw new Error('the page is not built; run: npx --yes pnpm@12 --filter console run web')
  const html = readFileSync(index, 'utf8')
  const loaded = [...html.matchAll(/(?:src|href)="\/([^"]+)"/g)].map(([, file = '']) => file)
  const sizes = ['index.html', ...loaded].map((file) => ({
    file,
    bytes: gzipSync(readFileSync(join(built, file))).length,
  }))
  return {
    files: sizes.map(({ file, bytes }) => `${file} ${bytes}`),
    compressedBytes: sizes.reduce((sum, { bytes }) => sum + bytes, 0),
    html,
  }
}
