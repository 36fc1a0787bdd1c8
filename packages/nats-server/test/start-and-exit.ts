// A process of its own for the tests: starts a broker, prints what it is, and exits without stopping it.
import { startNatsServer } from '../src/index.ts'

const server = await startNatsServer({ binary: process.argv[2] ?? '' })
process.stdout.write(JSON.stringify({ pid: server.pid, storeDir: server.storeDir }))
process.exit(0)
