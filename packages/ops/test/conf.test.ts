import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import { findNatsServer, startNatsServer } from '@alarm-bus/nats-server'
import { connect } from '@nats-io/transport-node'
import { describe, expect, test } from 'vitest'
import { readApps } from '../src/apps/read-apps.ts'
import { LIMITS } from '../src/permissions/render-accounts.ts'
import { passwordVariable } from '../src/permissions/user-variables.ts'
import { brokerNames, environmentOf } from './cluster-harness.ts'
import { authOf, confPath, devEnvironment, repository, startBroker, wholeConf } from './harness.ts'

const conf = wholeConf()
const apps = (await readApps()).map(({ name }) => name)
/** Every variable that the file and what it includes refer to, outside of comments. */
const variables = [
  ...new Set([...conf.replaceAll(/#.*$/gm, '').matchAll(/:\s*\$([A-Z0-9_]+)/g)].map((match) => match[1] as string)),
]

async function check(
  env: Readonly<Record<string, string>>,
  path = confPath,
): Promise<{ readonly code: number; readonly output: string }> {
  const { path: binary } = await findNatsServer()
  try {
    const { stdout, stderr } = await promisify(execFile)(binary, ['-t', '-c', path], { env: { ...env } })
    return { code: 0, output: stdout + stderr }
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string }
    return { code, output: stdout + stderr }
  }
}

describe('nats.setup.conf', () => {
  test('passes the server’s own check', async () => {
    expect(await check(devEnvironment)).toMatchObject({ code: 0 })
  })

  test('boots twice side by side, with JetStream, the limits it names and every user', async () => {
    await using broker = await startBroker()
    await using beside = await startBroker()
    expect(beside.server.port).not.toBe(broker.server.port)
    const health = await fetch(new URL('/healthz?js-enabled-only=true', broker.server.monitorUrl))
    expect(health.status).toBe(200)
    const { jetstream, ...varz } = (await (await fetch(new URL('/varz', broker.server.monitorUrl))).json()) as Record<
      string,
      any
    >
    expect(varz).toMatchObject({
      server_name: devEnvironment['NATS_SERVER_NAME'],
      max_payload: 256 * 1024,
      max_connections: 4000,
      ping_interval: 20e9,
      system_account: 'SYS',
    })
    // 120 s, and not the 23 days that 2m without quotes would be.
    expect(jetstream.config).toMatchObject({ sync_interval: 120e9, max_storage: 8 * 2 ** 30, strict: true })
    expect(jetstream.limits).toMatchObject({
      max_ack_pending: 5000,
      max_request_batch: 1000,
      max_duplicate_window: 600e9,
    })
    for (const user of [...apps, 'admin', 'migrator', 'sys']) {
      expect((await broker.raw(user)).info?.headers, user).toBe(true)
    }
  })

  test('gives the bus’s account what its claims say in operator mode', () => {
    const { streams, consumer } = LIMITS.jetStream
    const { conn, subs, payload } = LIMITS.bus
    expect(conf).toContain(
      `jetstream { max_streams: ${streams}, max_consumers: ${consumer}, max_bytes_required: true }`,
    )
    expect(conf).toContain(
      `limits { max_connections: ${conn}, max_subscriptions: ${subs}, max_payload: ${payload / 1_024}KB }`,
    )
  })

  test('takes `always` for the sync interval, as compose gives it', async () => {
    await using server = await startNatsServer({
      config: confPath,
      env: { ...devEnvironment, NATS_SYNC_INTERVAL: 'always' },
    })
    const varz = (await (await fetch(new URL('/varz', server.monitorUrl))).json()) as Record<string, any>
    expect(varz['jetstream'].config.sync_always).toBe(true)
  })

  test('names its variables in the head, and .env.example has them', () => {
    const head = conf.split('\n\n')[0] as string
    const ofApps = apps.map(passwordVariable)
    expect(variables).toEqual(expect.arrayContaining(ofApps))
    expect(head).toContain('NATS_<APP>_PASSWORD')
    for (const variable of variables) {
      if (!ofApps.includes(variable)) expect(head).toContain(variable)
      expect(devEnvironment).toHaveProperty(variable)
    }
  })

  test.each(variables)('is refused without %s, by its name', async (variable) => {
    const { [variable]: _, ...rest } = devEnvironment
    const { code, output } = await check(rest)
    expect(code).toBe(1)
    expect(output).toContain(`'${variable}'`)
    expect(output).toContain('can not be found')
  })

  test('refuses a wrong password, an empty one, an unknown user and no user', async () => {
    await using broker = await startBroker()
    const servers = broker.server.url
    const auth = authOf('producer')
    for (const wrong of [
      { user: auth.user, pass: `${auth.password}x` },
      { user: auth.user, pass: '' },
      { user: 'nobody', pass: auth.password },
      // Each password is one user's.
      { user: 'admin', pass: auth.password },
      {},
    ]) {
      await expect(connect({ servers, ...wrong, reconnect: false }), JSON.stringify(wrong)).rejects.toThrow(
        /authorization violation/i,
      )
    }
    const right = await connect({ servers, user: auth.user, pass: auth.password })
    await right.close()
  })
})

describe('the ready comments of nats.setup.conf', () => {
  test('are valid once the marks are gone', async () => {
    const text = conf.replaceAll(/^( *)# (client_advertise|domain):/gm, '$1$2:')
    expect(text).not.toBe(conf)
    await using server = await startNatsServer({ configText: text, env: devEnvironment })
    const varz = (await (await fetch(new URL('/varz', server.monitorUrl))).json()) as Record<string, any>
    expect(varz).toMatchObject({ jetstream: { config: { domain: 'hub' } } })
  })
})

describe('nats.cluster.conf', () => {
  const file = readFileSync(`${repository}nats.cluster.conf`, 'utf8')
  const own = [...file.replaceAll(/#.*$/gm, '').matchAll(/:\s*\$([A-Z0-9_]+)/g)].map((match) => match[1] as string)

  test('names its variables in the head, and compose gives each broker all of them', () => {
    expect(own.length).toBeGreaterThan(5)
    const head = file.split('\n\n')[0] as string
    for (const variable of own) {
      expect(head).toContain(variable)
      for (const broker of brokerNames) expect(environmentOf(broker), broker).toHaveProperty(variable)
    }
  })

  test.each(own)('is refused without %s, by its name', async (variable) => {
    const { [variable]: _, ...rest } = environmentOf('nats-1')
    const { code, output } = await check(rest, `${repository}nats.cluster.conf`)
    expect(code).toBe(1)
    expect(output).toContain(`'${variable}'`)
  })
})
