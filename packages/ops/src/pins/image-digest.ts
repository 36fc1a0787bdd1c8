import { ask, type Answer } from './ask.ts'
import type { ImageReference } from './image-references.ts'

const INDEX_TYPES = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
]

/** Where the API of a registry is, where that is not `https://` and its name. */
const API_URLS: Readonly<Record<string, string>> = { 'docker.io': 'https://registry-1.docker.io' }

/**
 * Asks the registry for the digest of the tag's index, which stands for the image on every platform. A registry that
 * wants a token says where to get it.
 * @throws Error saying what was asked and what came.
 */
export async function digestOf(image: ImageReference, apiUrls: Readonly<Record<string, string>>): Promise<string> {
  const base = apiUrls[image.registry] ?? API_URLS[image.registry] ?? `https://${image.registry}`
  const url = new URL(`/v2/${image.repository}/manifests/${image.tag}`, base)
  const accept = INDEX_TYPES.join(', ')
  let answer = await ask(url, 'HEAD', { accept })
  if (answer.status === 401) {
    answer = await ask(url, 'HEAD', { accept, authorization: `Bearer ${await tokenFor(url, answer)}` })
  }
  if (answer.status !== 200) throw new Error(`${url.href} answered HTTP ${answer.status}`)
  const type = answer.headers.get('content-type')?.split(';')[0] ?? 'nothing'
  // The digest of one platform's manifest would pin the image for that platform alone.
  if (!INDEX_TYPES.includes(type)) throw new Error(`${url.href} is ${type}, not an index of several platforms`)
  const digest = answer.headers.get('docker-content-digest') ?? ''
  if (/^sha256:[0-9a-f]{64}$/.test(digest)) return digest
  throw new Error(`${url.href} answered the digest ${JSON.stringify(digest)}, which is not a SHA-256 digest`)
}

async function tokenFor(url: URL, refusal: Answer): Promise<string> {
  const challenge = refusal.headers.get('www-authenticate') ?? ''
  const fields = new Map(Array.from(challenge.matchAll(/(\w+)="([^"]*)"/g), ([, name, value]) => [name, value]))
  const realm = fields.get('realm') ?? ''
  if (!/^Bearer /i.test(challenge) || !URL.canParse(realm)) {
    throw new Error(`${url.href} requires a login, and names no token service: ${JSON.stringify(challenge)}`)
  }
  const place = new URL(realm)
  for (const name of ['service', 'scope']) {
    const value = fields.get(name)
    if (value !== undefined) place.searchParams.set(name, value)
  }
  const { status, text } = await ask(place)
  const body = status === 200 ? (JSON.parse(text) as { readonly token?: unknown; readonly access_token?: unknown }) : {}
  const token = body.token ?? body.access_token
  if (typeof token === 'string' && token !== '') return token
  throw new Error(`${place.href} answered HTTP ${status} and no token`)
}
