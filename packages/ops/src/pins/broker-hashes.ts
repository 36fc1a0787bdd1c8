import { PINNED_VERSION } from '@alarm-bus/nats-server'
import { ask } from './ask.ts'

/** The file that `packages/nats-server` holds a download against. */
export const HASHES_FILE = 'packages/nats-server/src/release-hashes.ts'

const OFFICIAL_RELEASES_URL = 'https://github.com/nats-io/nats-server/releases/download'
const SUM = /^([0-9a-f]{64}) [ *](\S+)$/gim
const ENTRY = /^ *['"](.+)['"]: *['"](.*)['"],?$/gm

/** The hashes of the official archives by file name. @throws Error saying what was asked and what came. */
export async function askBrokerHashes(releasesUrl = OFFICIAL_RELEASES_URL): Promise<ReadonlyMap<string, string>> {
  const url = new URL(`${releasesUrl.replace(/\/+$/, '')}/v${PINNED_VERSION}/SHA256SUMS`)
  const { status, text } = await ask(url)
  if (status !== 200) throw new Error(`${url.href} answered HTTP ${status}`)
  const all = Array.from(text.matchAll(SUM), ([, sum = '', name = '']): [string, string] => [name, sum.toLowerCase()])
  const archives = all.filter(([name]) => isArchive(name))
  if (archives.length > 0) return new Map(archives)
  throw new Error(`${url.href} lists no archive of nats-server ${PINNED_VERSION}`)
}

/** The file's text, with other hashes. */
export function renderHashes(text: string, hashes: ReadonlyMap<string, string>): string {
  const entries = [...hashes].toSorted().map(([name, sum]) => `  '${name}': '${sum}',\n`)
  return `${text.slice(0, text.indexOf('= {'))}= {\n${entries.join('')}}\n`
}

/** What is wrong with the file, and whether it holds any hash. */
export function checkHashes(text: string): { readonly problems: readonly string[]; readonly pinned: boolean } {
  const entries = [...text.matchAll(ENTRY)]
  const problems = entries.flatMap(([, name = '', sum = '']) => {
    if (!isArchive(name)) return [`${HASHES_FILE}: ${name} is not an archive of nats-server ${PINNED_VERSION}`]
    return /^[0-9a-f]{64}$/.test(sum) ? [] : [`${HASHES_FILE}: the hash of ${name} is no SHA-256`]
  })
  return { problems, pinned: entries.length > 0 }
}

/** Only plain names: they are written into code. */
function isArchive(name: string): boolean {
  const [, version] = /^nats-server-v(\d+\.\d+\.\d+)-[a-z0-9]+-[a-z0-9]+\.(?:tar\.gz|zip)$/.exec(name) ?? []
  return version === PINNED_VERSION
}
