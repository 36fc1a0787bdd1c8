/** For a container's health check: exits with 0 when the address answers 2xx within two seconds, else with 1. */
const TIMEOUT_MS = 2_000

const address = process.argv[2]
if (address === undefined) {
  console.error('usage: node healthcheck.js http://127.0.0.1:3000/readyz')
  process.exitCode = 1
} else {
  try {
    const response = await fetch(address, { signal: AbortSignal.timeout(TIMEOUT_MS), redirect: 'error' })
    if (!response.ok) console.error(`${response.status} ${await response.text()}`)
    process.exitCode = response.ok ? 0 : 1
  } catch (error) {
    console.error(String((error as Error).cause ?? error))
    process.exitCode = 1
  }
}
