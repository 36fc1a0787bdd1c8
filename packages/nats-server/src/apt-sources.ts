import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'

/** One entry of apt's sources, reduced to what tells whether it is Debian's archive. */
interface AptSource {
  readonly uri: string
  readonly suites: readonly string[]
  readonly components: readonly string[]
}

const DEBIAN_SUITE = /^(?:stable|oldstable|testing|unstable|sid|bullseye|bookworm|trixie|forky|duke)(?:-updates)?$/
const DEBIAN_URI = /^(?!cdrom:)\S+\/debian(?:\.list)?\/?$/
const ONE_LINE = /^deb\s+(?:\[[^\]]*\]\s+)?(\S+)\s+(\S+)\s+(.+)$/

/**
 * The mirror of Debian's archive that this machine's own apt sources name; undefined when they name none (Ubuntu).
 * Other vendors also use Debian's suite names, so the address has to end in `/debian` and the entry has to offer `main`.
 * Should that pick a wrong one all the same, apt's signature check refuses it.
 */
export async function debianMirror(aptConfigDir: string): Promise<string | undefined> {
  const sources = await readSources(aptConfigDir)
  return sources.find(
    ({ uri, suites, components }) =>
      DEBIAN_URI.test(uri) && components.includes('main') && suites.some((suite) => DEBIAN_SUITE.test(suite)),
  )?.uri
}

async function readSources(aptConfigDir: string): Promise<AptSource[]> {
  const parts = join(aptConfigDir, 'sources.list.d')
  const names = (await readdir(parts).catch(() => [])).toSorted()
  const sources = oneLineSources(await readText(join(aptConfigDir, 'sources.list')))
  for (const name of names) {
    const text = await readText(join(parts, name))
    if (name.endsWith('.list')) sources.push(...oneLineSources(text))
    if (name.endsWith('.sources')) sources.push(...deb822Sources(text))
  }
  return sources
}

function readText(path: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => '')
}

function oneLineSources(text: string): AptSource[] {
  return text.split('\n').flatMap((line) => {
    const match = ONE_LINE.exec(line.replace(/#.*/, '').trim())
    if (!match) return []
    return [{ uri: match[1] ?? '', suites: [match[2] ?? ''], components: words(match[3]) }]
  })
}

function deb822Sources(text: string): AptSource[] {
  const withoutComments = text.replace(/^#.*\n?/gm, '')
  return withoutComments.split(/\n\s*\n/).flatMap((stanza) => {
    const fields = new Map<string, string>()
    // A line that starts with a space goes on with the field before it.
    for (const line of stanza.replace(/\n[ \t]+/g, ' ').split('\n')) {
      const [, key, value] = /^([\w-]+):\s*(.*)$/.exec(line) ?? []
      if (key) fields.set(key.toLowerCase(), value ?? '')
    }
    if (!words(fields.get('types')).includes('deb') || fields.get('enabled') === 'no') return []
    const rest = { suites: words(fields.get('suites')), components: words(fields.get('components')) }
    return words(fields.get('uris')).map((uri) => ({ uri, ...rest }))
  })
}

function words(text: string | undefined): string[] {
  return (text ?? '').split(/\s+/).filter((word) => word !== '')
}
