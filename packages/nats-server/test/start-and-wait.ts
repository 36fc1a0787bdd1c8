// A process of its own for the tests: starts a broker in a process group of its own, prints what it is, and goes on.
import { startNatsServer } from '../src/index.ts'

const server = await startNatsServer({ binary: process.argv[2] ?? '', detached: true })
process.stdout.write(JSON.stringify({ pid: server.pid }))
setInterval(() => {}, 60_000)
