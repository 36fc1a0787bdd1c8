import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { waitFor } from '@alarm-bus/nats-kit/testing'
import { afterAll, expect, test, vi } from 'vitest'
import { PATH_SECRET, startScene } from './support/scene.ts'

// A scene is a broker and a process; each wait has a deadline of its own.
vi.setConfig({ testTimeout: 90_000 })

const folder = mkdtempSync(join(tmpdir(), 'alarm-consumer-tls-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** A receiver with a certificate for `localhost` that only who is given it trusts. */
async function startTlsReceiver() {
  const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1']
  const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost']
  execFileSync('openssl', ['req', '-x509', ...kind, ...names, '-keyout', key, '-out', certificate], { stdio: 'ignore' })
  const received: (string | undefined)[] = []
  const server = createServer({ key: readFileSync(key), cert: readFileSync(certificate) }, (request, response) => {
    received.push(request.url)
    request.resume().on('end', () => response.end())
  })
  await new Promise<void>((resolve) => server.listen(0, resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `https://localhost:${port}/${PATH_SECRET}`,
    certificate,
    received,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

test('https: a certificate that is trusted, for a host that may be private; another is not talked to', async () => {
  await using receiver = await startTlsReceiver()
  const environment = { ALARM_SINKS: 'slack', ALARM_SLACK_URL: receiver.url, ALARM_ALLOW_HTTP: 'false' }
  const hosts = { ALARM_PRIVATE_HOSTS: 'localhost' }
  await using distrustful = await startScene({ ...environment, ...hosts })
  await distrustful.publish('to nobody')
  const line = await distrustful.app.line('retryScheduled')
  expect(line['error']).toBe('slack: no answer (DEPTH_ZERO_SELF_SIGNED_CERT)')
  expect(receiver.received).toEqual([])

  await using scene = await startScene({ ...environment, ...hosts, NODE_EXTRA_CA_CERTS: receiver.certificate })
  await scene.publish('over TLS')
  await waitFor(() => receiver.received.length === 1)
  expect(receiver.received).toEqual([`/${PATH_SECRET}`])
})
