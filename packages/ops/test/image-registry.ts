import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { PINNED_VERSION } from '@alarm-bus/nats-server'
import { onTestFinished } from 'vitest'

const INDEX = 'application/vnd.oci.image.index.v1+json'
const MANIFEST = 'application/vnd.oci.image.manifest.v1+json'

export const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')

export interface FakeRegistry {
  readonly url: string
  /** Methods and paths that were asked, in order. */
  readonly requests: string[]
  /** Answers in place of the registry, where it returns true. */
  answer: (request: IncomingMessage, response: ServerResponse) => boolean
  /** What it answers for a tag. */
  digest(repository: string, tag: string): string
}

/** A registry that gives an index to whoever shows a token of its own, and the release of a broker beside it. */
export async function startRegistry(sums: string): Promise<FakeRegistry> {
  const requests: string[] = []
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '', 'http://registry')
    requests.push(`${request.method} ${url.pathname}`)
    if (registry.answer(request, response)) return
    if (url.pathname === `/v${PINNED_VERSION}/SHA256SUMS`) return void response.end(sums)
    if (url.pathname === '/token') return void response.end(JSON.stringify({ token: url.searchParams.get('scope') }))
    const [, repository = '', tag = ''] = /^\/v2\/(.+)\/manifests\/(.+)$/.exec(url.pathname) ?? []
    const scope = `repository:${repository}:pull`
    if (request.headers.authorization !== `Bearer ${scope}`) {
      const challenge = `Bearer realm="${registry.url}/token",service="tests",scope="${scope}"`
      return void response.writeHead(401, { 'www-authenticate': challenge }).end()
    }
    // As registries do: who does not ask for an index gets one platform's manifest.
    const type = request.headers.accept?.includes(INDEX) ? INDEX : MANIFEST
    response.writeHead(200, { 'content-type': type, 'docker-content-digest': registry.digest(repository, tag) }).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const registry: FakeRegistry = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    answer: () => false,
    digest: (repository, tag) => `sha256:${sha256(`${repository}:${tag}`)}`,
  }
  return registry
}
