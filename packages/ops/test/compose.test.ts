import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PINNED_VERSION } from '@alarm-bus/nats-server'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { readApps } from '../src/apps/read-apps.ts'
import { passwordVariable } from '../src/permissions/user-variables.ts'
import { devEnvironment, repository, wholeConf } from './harness.ts'

interface Service {
  readonly image: string
  readonly command?: readonly string[]
  readonly entrypoint?: readonly string[]
  readonly build?: { readonly context: string; readonly dockerfile: string }
  readonly environment?: Readonly<Record<string, string>>
  readonly healthcheck?: { readonly test: readonly string[] }
  readonly restart: string
  readonly mem_limit?: string
  readonly stop_grace_period?: string
  readonly ports?: readonly string[]
  readonly volumes?: readonly string[]
  readonly cap_drop?: readonly string[]
  readonly security_opt?: readonly string[]
  readonly read_only?: boolean
  readonly networks?: readonly string[]
  readonly profiles?: readonly string[]
  readonly secrets?: readonly string[]
}

const text = readFileSync(`${repository}docker-compose.yml`, 'utf8')
const compose = parse(text, { merge: true }) as {
  readonly services: Readonly<Record<'nats' | 'streams', Service>>
  readonly volumes: Readonly<Record<string, unknown>>
  readonly secrets: Readonly<Record<string, { readonly file: string }>>
}
const { nats, streams } = compose.services
const services: Readonly<Record<string, Service | undefined>> = compose.services
const conf = wholeConf()

/** Where the container listens: what its port of this machine leads to. */
function portOf(service: Service | undefined): string | undefined {
  return service?.ports?.[0]?.split(':').at(-1)
}

describe('docker-compose.yml', () => {
  test.each(Object.entries(compose.services))(
    '%s is bounded, cannot gain rights, and is reachable from this machine alone',
    (_, service) => {
      expect(service.mem_limit).toMatch(/^\d+[mg]$/)
      expect(service.cap_drop).toEqual(['ALL'])
      expect(service.security_opt).toEqual(['no-new-privileges:true'])
      for (const port of service.ports ?? []) expect(port).toMatch(/^127\.0\.0\.1:\$\{[A-Z0-9_]+:-\d+\}:\d+$/)
    },
  )

  test('what has no login is out of reach: the administrator’s password is in the broker and the job alone, and the monitor answers the broker’s own container', () => {
    const onNetwork = (network: string): readonly string[] =>
      Object.entries(services).flatMap(([name, service]) => (service?.networks?.includes(network) ? [name] : []))
    const ofAdmin = Object.keys(services).filter((name) =>
      JSON.stringify(services[name]).includes('NATS_ADMIN_PASSWORD'),
    )
    expect(ofAdmin).toEqual(['nats', 'streams'])
    expect(onNetwork('database')).toEqual(['log-consumer', 'postgres'])
    expect(onNetwork('dashboards')).toEqual(['prometheus', 'grafana', 'collector', 'tempo'])
    expect(onNetwork('observability').toSorted()).toEqual(
      ['alarm-consumer', 'collector', 'console', 'log-consumer', 'prometheus', 'producer'].toSorted(),
    )
    for (const name of ['prometheus', 'grafana', 'collector', 'tempo'])
      expect(services[name]?.profiles).toEqual(['observability'])
    // One without would be on the network that all of those share.
    for (const [name, service] of Object.entries(services)) expect(service?.networks?.length, name).toBeGreaterThan(0)
    expect(nats.environment).toHaveProperty('NATS_HTTP', '127.0.0.1:8222')
    expect(nats.ports).toHaveLength(1)
  })

  test('Prometheus scrapes each app where it listens, and Grafana is given the dashboard and a login', async () => {
    const scraped = parse(readFileSync(`${repository}observability/prometheus.yml`, 'utf8')) as {
      readonly scrape_configs: readonly {
        readonly static_configs: readonly { readonly targets: readonly string[] }[]
      }[]
    }
    const targets = scraped.scrape_configs.flatMap((one) => one.static_configs.flatMap((group) => group.targets))
    const apps = (await readApps()).map(({ name }) => {
      const port = Object.entries(services[name]?.environment ?? {}).find(([variable]) => variable.endsWith('_PORT'))
      return `${name}:${port?.[1] ?? portOf(services[name])}`
    })
    expect(targets.toSorted()).toEqual(apps.toSorted())
    const { grafana } = services
    for (const volume of [...(grafana?.volumes ?? []), ...(services['prometheus']?.volumes ?? [])]) {
      const [source = ''] = volume.split(':')
      if (source.startsWith('./')) expect(existsSync(join(repository, source)), source).toBe(true)
    }
    expect(grafana?.environment).toMatchObject({
      GF_SECURITY_ADMIN_PASSWORD__FILE: '/run/secrets/GRAFANA_PASSWORD',
      GF_AUTH_ANONYMOUS_ENABLED: 'false',
    })
  })

  test('traces go from the apps to the collector, to Tempo, and Grafana finds them there', async () => {
    interface Endpoints {
      readonly endpoint: string
    }
    const file = <T>(name: string): T => parse(readFileSync(`${repository}observability/${name}`, 'utf8')) as T
    const collector = file<{
      readonly receivers: { readonly otlp: { readonly protocols: { readonly http: Endpoints } } }
      readonly exporters: { readonly otlp: Endpoints }
    }>('collector.yml')
    const tempo = file<{
      readonly server: { readonly http_listen_port: number }
      readonly distributor: {
        readonly receivers: { readonly otlp: { readonly protocols: { readonly grpc: Endpoints } } }
      }
    }>('tempo.yml')
    const grafana = file<{ readonly datasources: readonly { readonly type: string; readonly url: string }[] }>(
      'grafana/datasources/tempo.yml',
    )
    for (const { name } of await readApps()) {
      expect(services[name]?.environment).toHaveProperty('OTEL_EXPORTER_OTLP_ENDPOINT')
    }
    expect(text).toContain('http://collector:4318 in .env')
    expect(collector.receivers.otlp.protocols.http.endpoint).toBe('0.0.0.0:4318')
    expect(collector.exporters.otlp.endpoint).toBe('tempo:4317')
    expect(tempo.distributor.receivers.otlp.protocols.grpc.endpoint).toBe('0.0.0.0:4317')
    expect(grafana.datasources).toMatchObject([{ type: 'tempo', url: `http://tempo:${tempo.server.http_listen_port}` }])
    for (const name of ['collector', 'tempo']) expect(services[name]?.ports, name).toBeUndefined()
  })

  test('images are pinned to one release', () => {
    // A digest may stand behind each (`pnpm pins`).
    expect(nats.image.split('@')[0]).toBe(`nats:${PINNED_VERSION}-alpine`)
  })

  test('the broker runs on nats.setup.conf with TLS, keeps its files, syncs always, and gets time to end', () => {
    const files = [
      'nats.tls.conf',
      'nats.setup.conf',
      'nats.permissions.conf',
      'nats.accounts.conf',
      'nats.admin.conf',
      'nats.migrator.conf',
    ]
    const mounted = ['nats.start.sh', ...files].map((file) => `./${file}:/etc/nats/${file}:ro`)
    const certificate = ['', '-key'].map((half) => `./.secrets/tls/nats${half}.pem:/etc/nats/server${half}.pem:ro`)
    expect(nats.volumes).toEqual([...mounted, ...certificate, 'nats-data:/data'])
    // Each file that another includes is beside it in the container.
    const included = files.flatMap((file) =>
      [...readFileSync(`${repository}${file}`, 'utf8').matchAll(/^ *include "([^"]+)"$/gm)].map((match) => match[1]),
    )
    expect(included.sort()).toEqual(files.filter((file) => file !== 'nats.tls.conf').sort())
    expect(compose.volumes).toHaveProperty('nats-data')
    // What looks at the passwords before the broker starts.
    expect(nats.command).toEqual(['sh', '/etc/nats/nats.start.sh', '--config', '/etc/nats/nats.tls.conf'])
    expect(nats.environment).toMatchObject({ NODE_ENV: '${NODE_ENV:-production}' })
    expect(nats.environment).toMatchObject({ NATS_STORE_DIR: '/data', NATS_SYNC_INTERVAL: 'always' })
    expect(nats.restart).toBe('unless-stopped')
    expect(nats.healthcheck?.test.join(' ')).toBe(
      'CMD wget -q -O /dev/null http://127.0.0.1:8222/healthz?js-enabled-only=true',
    )
    const seconds = (name: string): number => Number(new RegExp(`^${name}: "(\\d+)s"$`, 'm').exec(conf)?.[1])
    const lameDuck = seconds('lame_duck_duration') + seconds('lame_duck_grace_period')
    expect(lameDuck).toBeGreaterThan(0)
    expect(Number.parseInt(nats.stop_grace_period ?? '', 10)).toBeGreaterThan(lameDuck)
  })

  test('the broker gets every variable of its configuration, and each password from a file of its own', () => {
    const needed = [...conf.replaceAll(/#.*$/gm, '').matchAll(/:\s*\$([A-Z0-9_]+)/g)].map(([, name]) => name as string)
    for (const variable of new Set(needed)) {
      if (!variable.endsWith('_PASSWORD')) expect(nats.environment).toHaveProperty(variable)
      else {
        expect(nats.environment).toHaveProperty(`${variable}_FILE`, `/run/secrets/${variable}`)
        expect(nats.secrets).toContain(variable)
        expect(devEnvironment).toHaveProperty(variable)
      }
    }
  })

  test('no password stands in an environment, each container has its own secrets alone, and they are files', () => {
    for (const [name, { environment = {}, secrets = [] }] of Object.entries(compose.services)) {
      for (const [variable, value] of Object.entries(environment)) {
        expect(variable, name).not.toMatch(/PASSWORD$/)
        const secret = /\/run\/secrets\/([\w.]+)/.exec(value)?.[1]
        if (secret !== undefined) expect(secrets, `${name} ${variable}`).toContain(secret)
      }
      for (const secret of secrets) {
        const { file } = compose.secrets[secret] ?? {}
        const place = secret === 'ca.pem' ? './.secrets/tls/ca.pem' : `./.secrets/${secret}`
        expect([place, `\${${secret}_FILE:-/dev/null}`], `${name} ${secret}`).toContain(file)
        const used = JSON.stringify(environment).includes(`/run/secrets/${secret}`)
        expect(used, `${name} ${secret}`).toBe(true)
      }
    }
    const keys = Object.values(compose.services).filter(({ volumes = [] }) =>
      volumes.some((one) => /-key\.pem/.test(one)),
    )
    expect(keys).toEqual([nats])
  })

  test('who asks the broker does so over TLS, and knows whose certificate to believe', async () => {
    for (const name of ['streams', ...(await readApps()).map((app) => app.name)])
      expect(services[name]?.environment, name).toMatchObject({
        NATS_SERVERS: 'tls://nats:4222',
        NATS_TLS_CA_FILE: '/run/secrets/ca.pem',
        NATS_TLS_HANDSHAKE_FIRST: 'true',
      })
  })

  test('the streams are applied once, by an image that the checkout builds', () => {
    expect(streams.restart).toBe('no')
    expect(streams.build).toEqual({ context: '.', dockerfile: 'packages/ops/Dockerfile' })
    expect(existsSync(`${repository}${streams.build?.dockerfile}`)).toBe(true)
    expect(streams.environment).toMatchObject({ NODE_ENV: '${NODE_ENV:-production}' })
    expect(readFileSync(`${repository}packages/ops/Dockerfile`, 'utf8')).toMatch(/^ENV NODE_ENV=production$/m)
    expect(streams).toMatchObject({ depends_on: { nats: { condition: 'service_healthy' } } })
  })

  test('every app runs from its own image, as its own user, once the streams are there', async () => {
    for (const { name } of await readApps()) {
      const service = services[name]
      const password = passwordVariable(name)
      expect(service, name).toMatchObject({
        build: { context: '.', dockerfile: `apps/${name}/Dockerfile` },
        environment: { [`${password}_FILE`]: `/run/secrets/${password}` },
        depends_on: {
          nats: { condition: 'service_healthy' },
          streams: { condition: 'service_completed_successfully' },
        },
        init: true,
        read_only: true,
        restart: 'unless-stopped',
      })
      // No other user's password, and nothing that would let it change a stream.
      expect(service?.secrets?.filter((secret) => /^NATS_.*PASSWORD$/.test(secret))).toEqual([password])
      expect(service?.environment).not.toHaveProperty('STREAMS')
    }
  })

  test('an app gets the whole of its shutdown, and the mode of production where nothing else is said', async () => {
    const shutdownMs = 10_000
    for (const { name } of await readApps()) {
      const service = services[name]
      expect(Number.parseInt(service?.stop_grace_period ?? '', 10) * 1_000).toBeGreaterThan(shutdownMs)
      const dockerfile = readFileSync(`${repository}apps/${name}/Dockerfile`, 'utf8')
      expect(dockerfile).toMatch(/^ENV NODE_ENV=production /m)
      expect(dockerfile).toMatch(/^USER node$/m)
      const flags = /^ENTRYPOINT \["node", "(--\S+)", "dist\/bundle\/main\.js"\]$/m.exec(dockerfile)?.[1]
      // Node refuses compiled code that was made with other flags, without a word.
      expect(dockerfile).toContain(`NODE_COMPILE_CACHE=/app/.compile-cache node ${flags} /app/dist/bundle/main.js`)
      expect(dockerfile).toMatch(/^ENV .*NODE_COMPILE_CACHE=\/app\/\.compile-cache /m)
      expect(dockerfile).toMatch(/^ {2}CMD \["node", "node_modules\/@alarm-bus\/service\/dist\/healthcheck\.js", /m)
      const port = /^EXPOSE (\d+)$/m.exec(dockerfile)?.[1]
      expect(service?.ports?.[0]).toMatch(new RegExp(`:${port}$`))
      // The other apps' names would be a copy that was not finished.
      for (const other of (await readApps()).filter((app) => app.name !== name))
        expect(dockerfile).not.toContain(other.name)
    }
  })

  test.each([
    ['', 'dev-only-postgres', false],
    ['staging', 'dev-only-postgres', false],
    ['production', 'dev-only-postgres', false],
    ['development', 'dev-only-postgres', true],
    ['test', 'dev-only-postgres', true],
    ['production', 'p-of-its-own', true],
    ['development:x', 'dev-only-postgres', false],
  ])('with NODE_ENV=%j the database starts with the password %s: %s', async (NODE_ENV, POSTGRES_PASSWORD, starts) => {
    await using disposer = new AsyncDisposableStack()
    const folder = await mkdtemp(join(tmpdir(), 'ops-compose-'))
    disposer.defer(() => rm(folder, { recursive: true }))
    // In place of the image's own.
    await writeFile(join(folder, 'docker-entrypoint.sh'), '#!/bin/sh\necho "runs $@"\n', { mode: 0o755 })
    const postgres = services['postgres']
    const words = [...(postgres?.entrypoint ?? []), ...(postgres?.command ?? [])].map((word) =>
      word.replaceAll('$$', '$'),
    )
    const file = join(folder, 'password')
    await writeFile(file, `${POSTGRES_PASSWORD}\n`)
    const env = { PATH: `${folder}:${process.env['PATH']}`, NODE_ENV, POSTGRES_PASSWORD_FILE: file }
    const { status, stdout, stderr } = spawnSync(words[0] as string, words.slice(1), { env, encoding: 'utf8' })
    expect({ status, stdout }).toEqual(starts ? { status: 0, stdout: 'runs postgres\n' } : { status: 1, stdout: '' })
    expect(stderr).not.toContain('dev-only')
    expect(postgres?.environment).toMatchObject({ NODE_ENV: '${NODE_ENV:-production}' })
  })
})
