import { X509Certificate } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { runCertificates } from '../src/certificates/run-certificates.ts'
import { runOps, within } from './run-ops.ts'

let out: string
beforeEach(() => {
  out = join(mkdtempSync(join(tmpdir(), 'alarm-bus-certificates-')), 'made')
})
afterEach(() => rmSync(join(out, '..'), { recursive: true, force: true }))

const certificate = (name: string): X509Certificate => new X509Certificate(readFileSync(join(out, `${name}.pem`)))
const daysLeft = (name: string): number =>
  Math.round((certificate(name).validToDate.getTime() - Date.now()) / 86_400_000)

describe('pnpm ops certificates', () => {
  test('makes an authority and a certificate for each broker of compose, and shows no key', async () => {
    const { code, out: said, err } = await runOps(['certificates', '--out', out])
    expect({ code, err }).toEqual({ code: 0, err: '' })
    const names = ['ca', 'nats', 'nats-1', 'nats-2', 'nats-3']
    expect(readdirSync(out).toSorted()).toEqual(names.flatMap((name) => [`${name}-key.pem`, `${name}.pem`]).toSorted())
    for (const name of names.slice(1)) {
      expect(certificate(name).verify(certificate('ca').publicKey)).toBe(true)
      expect(certificate(name)).toMatchObject({
        ca: false,
        subjectAltName: `DNS:${name}, DNS:localhost, IP Address:127.0.0.1`,
      })
      // Both ends of a route.
      expect(certificate(name).keyUsage.toSorted()).toEqual(['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2'])
      expect(daysLeft(name)).toBe(365)
      expect(said).toContain(`${name}.pem  until ${certificate(name).validToDate.toISOString().slice(0, 10)}`)
    }
    expect(certificate('ca').ca).toBe(true)
    expect(said).not.toContain('PRIVATE')
    expect(statSync(out).mode & 0o777).toBe(0o700)
    expect(statSync(join(out, 'ca-key.pem')).mode & 0o777).toBe(0o600)
  })

  test('again: the same authority signs, with the days and for the addresses asked for', async () => {
    await within(runCertificates, ['--out', out])
    const authority = certificate('ca').fingerprint256
    const before = certificate('nats-1').fingerprint256
    const { code, out: said } = await within(runCertificates, ['--out', out, '--server', '10.0.0.7', '--days', '30'])
    expect(code).toBe(0)
    expect(said).not.toContain('new authority')
    expect(certificate('ca').fingerprint256).toBe(authority)
    expect(certificate('nats-1').fingerprint256).toBe(before)
    expect(certificate('10.0.0.7').subjectAltName).toBe('IP Address:10.0.0.7')
    expect(certificate('10.0.0.7').verify(certificate('ca').publicKey)).toBe(true)
    expect(daysLeft('10.0.0.7')).toBe(30)
  })

  test('half an authority is not replaced: brokers trust it', async () => {
    await within(runCertificates, ['--out', out])
    rmSync(join(out, 'ca-key.pem'))
    const before = certificate('ca').fingerprint256
    const { code, err } = await within(runCertificates, ['--out', out])
    expect(code).toBe(1)
    expect(err).toContain('ca-key.pem is missing')
    expect(certificate('ca').fingerprint256).toBe(before)
  })

  test.each([
    [['--server', 'nats-1'], '--out'],
    [['--out', 'x', '--server', '../nats'], '"../nats"'],
    [['--out', 'x', '--server', 'ca'], '"ca"'],
    [['--out', 'x', '--also', 'a/b'], '"a/b"'],
    [['--out', 'x', '--days', '0'], '--days'],
    [['--out', 'x', '--days', '1.5'], '--days'],
    [['--out', 'x', '--hours', '1'], '--hours'],
  ])('%j is refused', async (argv, named) => {
    const { code, err } = await within(runCertificates, argv)
    expect(code).toBe(1)
    expect(err).toContain(named)
  })
})
