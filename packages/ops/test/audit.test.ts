import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { repository } from './harness.ts'

const { packageManager } = JSON.parse(readFileSync(`${repository}package.json`, 'utf8')) as { packageManager: string }

/** `pnpm audit:check` against a registry that answers so. */
async function audit(
  answer: (response: ServerResponse) => void,
): Promise<{ code: number; said: string; asked: string[] }> {
  const asked: string[] = []
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`)
    request.resume().once('end', () => answer(response))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  // Only pnpm asks there; npx, which starts it, asks where it always does.
  const registry = `http://127.0.0.1:${port}/`
  const env = { ...process.env, pnpm_config_registry: registry, pnpm_config_verify_deps_before_run: 'false' }
  return new Promise((resolve) => {
    execFile('npx', ['--yes', packageManager, 'audit:check'], { cwd: repository, env }, (error, out, err) =>
      resolve({ code: error === null ? 0 : Number(error.code), said: out + err, asked }),
    )
  })
}

const advisory = (severity: string): string =>
  JSON.stringify({
    zod: [
      {
        id: 1,
        url: 'https://github.com/advisories/GHSA-aaaa-bbbb-cccc',
        title: 'made up',
        severity,
        vulnerable_versions: '<99',
        cwe: [],
        cvss: { score: 9, vectorString: '' },
      },
    ],
  })

test.each(['high', 'critical'])('an advisory that is %s fails the check', async (severity) => {
  const { code, said, asked } = await audit((response) => response.end(advisory(severity)))
  expect(asked).toEqual(['POST /-/npm/v1/security/advisories/bulk'])
  expect(said).toContain('GHSA-aaaa-bbbb-cccc')
  expect(code).toBe(1)
})

test('one that is moderate, and none, do not', async () => {
  expect(await audit((response) => response.end(advisory('moderate')))).toMatchObject({ code: 0 })
  expect(await audit((response) => response.end('{}'))).toMatchObject({ code: 0 })
})

test.each<[string, string, (response: ServerResponse) => void]>([
  ['has no such endpoint', 'responded with 405', (it) => it.writeHead(405).end()],
  ['breaks off', 'Failed to request the audit endpoint', (it) => it.destroy()],
  ['answers something else', 'invalid JSON', (it) => it.end('<html>')],
])('a registry that %s fails nothing, and the check says why', async (_, why, answer) => {
  const { code, said } = await audit(answer)
  expect(said).toContain(why)
  expect(code).toBe(0)
})
