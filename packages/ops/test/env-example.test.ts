import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { readApps } from '../src/apps/read-apps.ts'
import { passwordVariable } from '../src/permissions/user-variables.ts'
import { devEnvironment, repository } from './harness.ts'

const path = `${repository}.env.example`
const text = readFileSync(path, 'utf8')

describe('.env.example', () => {
  test('is what `node --env-file` reads', async () => {
    const print = 'console.log(JSON.stringify(process.env))'
    const { stdout } = await promisify(execFile)(process.execPath, [`--env-file=${path}`, '-e', print], { env: {} })
    expect(JSON.parse(stdout)).toEqual(devEnvironment)
  })

  test('has passwords that the apps refuse in production, each another, and that the broker’s file can hold', async () => {
    const passwords = Object.entries(devEnvironment).filter(([name]) => name.endsWith('_PASSWORD'))
    const users = [...(await readApps()).map(({ name }) => name), 'admin', 'migrator', 'sys']
    const others = ['POSTGRES_PASSWORD', 'NATS_ROUTE_PASSWORD']
    expect(passwords.map(([name]) => name).sort()).toEqual([...users.map(passwordVariable), ...others].sort())
    for (const [, value] of passwords) expect(value).toMatch(/^dev-only-[a-z0-9-]+$/)
    expect(new Set(passwords.map(([, value]) => value)).size).toBe(passwords.length)
  })

  test('starts the broker of `pnpm dev`: no server is named, the ports are', () => {
    expect(devEnvironment).not.toHaveProperty('NATS_SERVERS')
    expect(text).toMatch(/^# NATS_SERVERS=/m)
    expect(devEnvironment).toMatchObject({
      NATS_PORT: '4222',
      PRODUCER_PORT: '3000',
      ALARM_CONSUMER_PORT: '3001',
      LOG_CONSUMER_PORT: '3002',
    })
  })

  test('has words in every block of variables', () => {
    const blocks = text.split('\n\n').filter((block) => /^(# )?[A-Z][A-Z0-9_]+=/m.test(block))
    expect(blocks.length).toBeGreaterThan(10)
    for (const block of blocks) expect(block).toMatch(/^# [^=]+ [^=]+ [^=]+$/m)
  })
})
