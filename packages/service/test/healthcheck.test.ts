import { execFile } from 'node:child_process'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'

const script = fileURLToPath(new URL('../src/healthcheck.ts', import.meta.url))
let server: Server
let url: string

/** `/readyz` is well, `/away` is not, anything else never answers. */
beforeAll(async () => {
  server = createServer(({ url: path }, response) => {
    if (path === '/readyz') response.end('{}')
    if (path === '/away') response.writeHead(503).end('the broker is away')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
})

function check(...args: readonly string[]): Promise<{ code: number; output: string }> {
  return new Promise((resolve) =>
    execFile(process.execPath, [script, ...args], (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code) : 0, output: stdout + stderr }),
    ),
  )
}

test('0 and silent where the app is ready; 1 and the reason where it is not, never answers, or is not there', async () => {
  expect(await check(`${url}/readyz`)).toEqual({ code: 0, output: '' })
  expect(await check(`${url}/away`)).toEqual({ code: 1, output: '503 the broker is away\n' })
  expect(await check(`${url}/never`)).toMatchObject({ code: 1, output: expect.stringContaining('TimeoutError') })
  const gone = createServer()
  await new Promise<void>((resolve) => gone.listen(0, '127.0.0.1', resolve))
  const { port } = gone.address() as AddressInfo
  await new Promise((resolve) => gone.close(resolve))
  expect(await check(`http://127.0.0.1:${port}/readyz`)).toMatchObject({
    code: 1,
    output: expect.stringContaining('ECONNREFUSED'),
  })
  expect(await check()).toMatchObject({ code: 1, output: expect.stringContaining('usage') })
})
