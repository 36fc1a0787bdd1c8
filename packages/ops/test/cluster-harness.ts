import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type NatsServer, startNatsServer } from '@alarm-bus/nats-server'
import { parse } from 'yaml'
import { runCertificates } from '../src/certificates/run-certificates.ts'
import { devEnvironment, repository } from './harness.ts'
import { within } from './run-ops.ts'

export interface ClusterService {
  readonly command?: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
  readonly volumes?: readonly string[]
  readonly ports?: readonly string[]
  readonly stop_signal?: string
  readonly extends?: { readonly file: string; readonly service: string }
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>
  readonly healthcheck?: { readonly test: readonly string[] }
}

/** A file of compose with its anchors in place; tags such as !override are Compose's own, and read over. */
export function readCompose<T>(file: string): T {
  return parse(readFileSync(`${repository}${file}`, 'utf8'), { merge: true, logLevel: 'silent' }) as T
}

export const clusterServices = readCompose<{ services: Readonly<Record<string, ClusterService>> }>(
  'docker-compose.cluster.yml',
).services

export const brokerNames = Object.keys(clusterServices).filter((name) => /^nats-\d$/.test(name))

/** What a broker's container gets once nats.start.sh has read its files, with the development's passwords. */
export function environmentOf(broker: string): Readonly<Record<string, string>> {
  const { nats } = readCompose<{ services: { nats: ClusterService } }>('docker-compose.yml').services
  const merged = Object.entries({ ...nats.environment, ...clusterServices[broker]?.environment })
  return Object.fromEntries(
    merged.map(([name, value]) => {
      const secret = /^\/run\/secrets\/(.+)$/.exec(value)?.[1]
      if (secret === undefined) return [name, interpolated(value, devEnvironment)]
      return [name.replace(/_FILE$/, ''), secret === 'NATS_ROUTES' ? routes() : (devEnvironment[secret] as string)]
    }),
  )
}

function routes(): string {
  const password = devEnvironment['NATS_ROUTE_PASSWORD']
  return JSON.stringify(brokerNames.map((name) => `tls://route:${password}@${name}:6222`))
}

/** A value of a compose file with the variables of .env in place: `${NAME}`, `${NAME:-default}`, `${NAME:+instead}`. */
export function interpolated(value: string, variables: Readonly<Record<string, string | undefined>>): string {
  return value.replaceAll(/\$\{(\w+)(?::([-+?])([^}]*))?\}/g, (_, name: string, kind?: string, text = '') => {
    const given = variables[name] ?? ''
    if (kind === '+') return given === '' ? '' : text
    return given === '' && kind === '-' ? text : given
  })
}

/** A broker of the cluster: a process of this machine that can be ended and started again. */
export interface ClusterNode {
  readonly name: string
  readonly url: string
  readonly routePort: number
  /** The process of now. */
  readonly server: NatsServer
  /** As compose ends it, by its stop signal; resolves with how it ended. */
  end(): Promise<{ readonly code: number | null }>
  /** The same broker again; resolves when it is healthy, which is when its replicas have caught up. */
  startAgain(): Promise<void>
}

export interface Cluster extends AsyncDisposable {
  readonly nodes: readonly ClusterNode[]
  readonly servers: readonly string[]
  /** What a client has to know to believe that it is them. */
  readonly tls: { readonly caFile: string }
  /** Folder with ca.pem, 127.0.0.1.pem and their keys. */
  readonly certificates: string
}

/** Another process may take a port between its choice and its use. */
const STARTS = 3

/** The brokers of docker-compose.cluster.yml, on their configuration, with ports and folders of their own. */
export async function startCluster(): Promise<Cluster> {
  const folder = await mkdtemp(join(tmpdir(), 'alarm-bus-cluster-'))
  const certificates = join(folder, 'certificates')
  // The client asks for `localhost` where it is given an address and the broker speaks first.
  const made = await within(runCertificates, ['--out', certificates, '--server', '127.0.0.1', '--also', 'localhost'])
  if (made.code !== 0) throw new Error(made.err)
  for (let start = 1; ; start++) {
    const routePorts = await Promise.all(brokerNames.map(freePort))
    // All at once: a broker is healthy only when there is a leader, which takes two.
    const results = await Promise.allSettled(
      brokerNames.map((name, i) => startNode(name, routePorts[i] as number, routePorts, folder)),
    )
    const nodes = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
    const stop = async (): Promise<void> => void (await Promise.all(nodes.map((node) => node.server.stop())))
    if (nodes.length === brokerNames.length) {
      return {
        nodes,
        servers: nodes.map((node) => node.url),
        tls: { caFile: join(certificates, 'ca.pem') },
        certificates,
        async [Symbol.asyncDispose]() {
          await stop()
          await rm(folder, { recursive: true, force: true })
        },
      }
    }
    await stop()
    if (start === STARTS) throw (results.find((result) => result.status === 'rejected') as PromiseRejectedResult).reason
  }
}

async function startNode(
  name: string,
  routePort: number,
  routePorts: readonly number[],
  folder: string,
): Promise<ClusterNode> {
  const certificate = (file: string): string => JSON.stringify(join(folder, 'certificates', file))
  const given = environmentOf(name)
  const addresses = [...(given['NATS_ROUTES'] ?? '').matchAll(/@nats-\d:6222/g)]
  if (addresses.length !== routePorts.length)
    throw new Error(`NATS_ROUTES of ${name} has ${addresses.length} addresses`)
  const port = await freePort()
  const options = {
    config: `${repository}nats.cluster.conf`,
    port,
    storeDir: join(folder, name),
    startTimeoutMs: 40_000,
    env: {
      ...given,
      // Where they are on this machine. Everything else is what the containers get.
      NATS_ROUTE_LISTEN: `127.0.0.1:${routePort}`,
      NATS_ROUTES: routePorts.reduce(
        (routes, one, i) => routes.replace(addresses[i]?.[0] as string, `@127.0.0.1:${one}`),
        given['NATS_ROUTES'] as string,
      ),
      NATS_SERVER_CERT: certificate('127.0.0.1.pem'),
      NATS_SERVER_KEY: certificate('127.0.0.1-key.pem'),
      NATS_ROUTE_CERT: certificate('127.0.0.1.pem'),
      NATS_ROUTE_KEY: certificate('127.0.0.1-key.pem'),
      NATS_ROUTE_CA: certificate('ca.pem'),
    },
  }
  let server = await startNatsServer(options)
  return {
    name,
    url: server.url,
    routePort,
    get server() {
      return server
    },
    end() {
      process.kill(server.pid, clusterServices[name]?.stop_signal as NodeJS.Signals)
      return server.exited
    },
    async startAgain() {
      server = await startNatsServer(options)
    },
  }
}

function freePort(): Promise<number> {
  const server = createServer()
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })
}
