import { createServer } from 'node:net'
import { ACCOUNTS_CONF } from './accounts.ts'
import { type NatsServer, startNatsServer } from '@alarm-bus/nats-server'

/** The brokers of one row. The caller stops them. */
export interface Brokers {
  readonly servers: readonly NatsServer[]
  stop(): Promise<void>
}

/** Storage is a file with the server's default of syncing every two minutes, as a deployment without changes has it. */
export async function startBrokers(count: 1 | 3, accounts = false): Promise<Brokers> {
  const conf = accounts ? { configText: ACCOUNTS_CONF } : {}
  const servers = count === 1 ? [await startNatsServer({ jetstream: true, ...conf })] : await startCluster()
  return { servers, stop: async () => void (await Promise.all(servers.map((server) => server.stop()))) }
}

async function startCluster(): Promise<NatsServer[]> {
  const ports = await freePorts(3)
  const routes = ports.map((port) => `nats://127.0.0.1:${port}`).join(', ')
  const started = await Promise.allSettled(
    ports.map((port, index) =>
      startNatsServer({
        jetstream: true,
        serverName: `bench-${index + 1}`,
        configText: `cluster { name: bench, listen: "127.0.0.1:${port}", routes: [${routes}] }`,
      }),
    ),
  )
  const servers = started.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
  const failure = started.find((result) => result.status === 'rejected')
  if (failure === undefined) return servers
  await Promise.all(servers.map((server) => server.stop()))
  throw failure.reason
}

/** Ports that were free a moment ago; all are held until the last is found, so that they differ. */
async function freePorts(count: number): Promise<number[]> {
  const holders = await Promise.all(
    Array.from({ length: count }, async () => {
      const holder = createServer()
      await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve))
      return holder
    }),
  )
  const ports = holders.map((holder) => (holder.address() as { port: number }).port)
  await Promise.all(holders.map((holder) => new Promise((resolve) => holder.close(resolve))))
  return ports
}
