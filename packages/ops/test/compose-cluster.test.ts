import { expect, describe, test } from 'vitest'
import { readApps } from '../src/apps/read-apps.ts'
import { brokerNames, type ClusterService, clusterServices, environmentOf, readCompose } from './cluster-harness.ts'

const single = readCompose<{ services: Readonly<Record<string, ClusterService>> }>('docker-compose.yml').services
const cluster =
  readCompose<Readonly<Record<'volumes' | 'secrets' | 'networks', Readonly<Record<string, unknown>>>>>(
    'docker-compose.cluster.yml',
  )
const healthy = { condition: 'service_healthy' }
const everyServer = brokerNames.map((name) => `tls://${name}:4222`).join()

describe('docker-compose.cluster.yml', () => {
  test('has every service of docker-compose.yml, from there, and three brokers in place of one', () => {
    const { nats, ...others } = single
    expect(nats).toBeDefined()
    expect(brokerNames).toEqual(['nats-1', 'nats-2', 'nats-3'])
    expect(Object.keys(clusterServices).toSorted()).toEqual([...brokerNames, ...Object.keys(others)].toSorted())
    for (const [name, service] of Object.entries(clusterServices)) {
      const from = brokerNames.includes(name) ? 'nats' : name
      expect(service.extends, name).toEqual({ file: 'docker-compose.yml', service: from })
    }
  })

  test.each(brokerNames)('%s is itself to the others, keeps its files, and ends in lame duck mode', (name) => {
    const { volumes, stop_signal: signal, command, ports, healthcheck } = clusterServices[name] as ClusterService
    expect(command).toEqual(['sh', '/etc/nats/nats.start.sh', '--config', '/etc/nats/nats.cluster.conf'])
    expect(volumes).toEqual([
      './nats.cluster.conf:/etc/nats/nats.cluster.conf:ro',
      './.secrets/tls/ca.pem:/etc/nats/route-ca.pem:ro',
      // Nobody else's key, in the place of the single broker's.
      `./.secrets/tls/${name}.pem:/etc/nats/server.pem:ro`,
      `./.secrets/tls/${name}-key.pem:/etc/nats/server-key.pem:ro`,
      `${name}-data:/data`,
    ])
    expect(cluster.volumes).toHaveProperty(`${name}-data`)
    expect(signal).toBe('SIGUSR2')
    // Not js-enabled-only: it has to have caught up before the next one may be restarted.
    expect(healthcheck?.test.at(-1)).toBe('http://127.0.0.1:8222/healthz')
    expect(environmentOf(name)).toMatchObject({ NATS_SERVER_NAME: name, NATS_SYNC_INTERVAL: 'always' })
    for (const port of ports ?? []) expect(port).toMatch(/^127\.0\.0\.1:\$\{[A-Z0-9_]+:-\d+\}:4222$/)
  })

  test('no two brokers share a name, a zone or a port of this machine, and all know each other', () => {
    const distinct = (values: readonly unknown[]): number => new Set(values).size
    expect(distinct(brokerNames.map((name) => environmentOf(name)['NATS_ZONE']))).toBe(3)
    expect(distinct(brokerNames.flatMap((name) => clusterServices[name]?.ports ?? []))).toBe(3)
    for (const name of brokerNames) {
      const routes = JSON.parse(environmentOf(name)['NATS_ROUTES'] as string) as string[]
      expect(routes).toEqual(brokerNames.map((other) => `tls://route:dev-only-route@${other}:6222`))
      expect(clusterServices[name]).toMatchObject({ secrets: ['NATS_ROUTE_PASSWORD', 'NATS_ROUTES'] })
    }
  })

  test('has the networks of docker-compose.yml, which its services take from there', () => {
    expect(cluster.networks).toEqual(readCompose<{ networks: unknown }>('docker-compose.yml').networks)
    for (const service of Object.values(clusterServices)) expect(service).not.toHaveProperty('networks')
  })

  test('three copies of the streams, and apps that know all three brokers', async () => {
    const brokers = Object.fromEntries(brokerNames.map((name) => [name, healthy]))
    expect(clusterServices['streams']).toMatchObject({
      environment: { NATS_SERVERS: everyServer, STREAM_REPLICAS: '3' },
      depends_on: brokers,
    })
    for (const { name } of await readApps()) {
      const { environment, depends_on: after } = clusterServices[name] as ClusterService
      expect(environment, name).toEqual({ NATS_SERVERS: everyServer })
      expect(after, name).toEqual({ ...brokers, streams: { condition: 'service_completed_successfully' } })
    }
  })

  test('has the secrets of docker-compose.yml, which its services take from there, and those of the routes', () => {
    const { secrets: ofOne } = readCompose<{ secrets: object }>('docker-compose.yml')
    const ofRoutes = Object.fromEntries(
      ['NATS_ROUTE_PASSWORD', 'NATS_ROUTES'].map((name) => [name, { file: `./.secrets/${name}` }]),
    )
    expect(cluster.secrets).toEqual({ ...ofOne, ...ofRoutes })
  })
})
