import { isIP } from 'node:net'
import { generate } from 'selfsigned'

/** Both in PEM. */
export interface Certificate {
  readonly cert: string
  readonly key: string
}

const DAY_MS = 86_400_000
const AUTHORITY_DAYS = 3_650
/** P-256 everywhere: what every TLS library speaks, and a key is made in no time. */
const KEY = { keyType: 'ec', curve: 'P-256', algorithm: 'sha256' } as const

/** An authority that signs the certificates of servers and no other authority, for ten years. */
export async function makeAuthority(): Promise<Certificate> {
  const made = await generate([{ name: 'commonName', value: 'alarm-bus brokers' }], {
    ...KEY,
    notAfterDate: inDays(AUTHORITY_DAYS),
    extensions: [
      { name: 'basicConstraints', cA: true, pathLenConstraint: 0, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    ],
  })
  return { cert: made.cert, key: made.private }
}

/** A server's certificate for its clients and both ends of a route, and the names and addresses that it stands for. */
export async function makeServerCertificate(
  authority: Certificate,
  hosts: readonly [string, ...string[]],
  days: number,
): Promise<Certificate> {
  const made = await generate([{ name: 'commonName', value: hosts[0] }], {
    ...KEY,
    ca: authority,
    notAfterDate: inDays(days),
    extensions: [
      { name: 'basicConstraints', cA: false, critical: true },
      { name: 'keyUsage', digitalSignature: true, critical: true },
      // A server dials the others as well: it is the client of some routes.
      { name: 'extKeyUsage', serverAuth: true, clientAuth: true },
      { name: 'subjectAltName', altNames: hosts.map(altNameOf) },
    ],
  })
  return { cert: made.cert, key: made.private }
}

function altNameOf(host: string): { type: 2; value: string } | { type: 7; ip: string } {
  return isIP(host) === 0 ? { type: 2, value: host } : { type: 7, ip: host }
}

function inDays(days: number): Date {
  return new Date(Date.now() + days * DAY_MS)
}
