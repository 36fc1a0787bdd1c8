import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface Certificates {
  /** Authorities: the one that signed the brokers' certificates, and a stranger. */
  readonly ca: string
  readonly stranger: string
  /** TLS blocks of a broker's configuration: a certificate that holds, and one that has run out. */
  readonly valid: string
  readonly expired: string
  remove(): void
}

/** A key of this kind is made in no time. */
const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']

/** Made anew for each test file: what is checked in expires. */
export function makeCertificates(): Certificates {
  const folder = mkdtempSync(join(tmpdir(), 'kit-faults-tls-'))
  const file = (name: string): string => join(folder, name)
  const openssl = (...args: string[]): void => void execFileSync('openssl', args, { stdio: 'ignore' })
  const authority = (name: string): string => {
    const out = ['-keyout', file(`${name}.key`), '-out', file(`${name}.pem`)]
    openssl('req', '-x509', ...NEW_KEY, '-days', '1', '-subj', `/CN=${name}`, ...out)
    return file(`${name}.pem`)
  }
  const ca = authority('ca')
  writeFileSync(file('ext'), 'subjectAltName=DNS:localhost')
  const signed = (name: string, days: number): string => {
    const request = file(`${name}.csr`)
    openssl('req', ...NEW_KEY, '-subj', `/CN=${name}`, '-keyout', file(`${name}.key`), '-out', request)
    const signer = ['-CA', ca, '-CAkey', file('ca.key'), '-CAcreateserial', '-extfile', file('ext')]
    openssl('x509', '-req', '-in', request, ...signer, '-days', `${days}`, '-out', file(`${name}.pem`))
    return `tls { cert_file: "${file(`${name}.pem`)}", key_file: "${file(`${name}.key`)}" }`
  }
  return {
    ca,
    stranger: authority('stranger'),
    valid: signed('valid', 1),
    expired: signed('expired', -1),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}
