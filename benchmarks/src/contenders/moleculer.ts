import { createRequire } from 'node:module'
import moleculer from 'moleculer'
import { benchContracts } from '../work/contracts.ts'
import type { Contender, OpenContender } from './contender.ts'

// The package is CommonJS and its types describe no callable default.
const { Middleware: channels } = createRequire(import.meta.url)('@moleculer/channels') as {
  Middleware: (options: object) => moleculer.Middleware
}

type ChannelBroker = moleculer.ServiceBroker & {
  sendToChannel(name: string, payload: unknown): Promise<void>
  channelAdapter: Adapter
}
interface Adapter {
  readonly connection: { flush(): Promise<void> }
}

const GROUP = 'moleculer'

/** `@moleculer/channels` with its NATS adapter: one awaited `sendToChannel` a message, a channel handler, no check. */
export const openMoleculer: OpenContender = async (work): Promise<Contender> => {
  const { channel, stream } = benchContracts(work.key)
  const broker = new moleculer.ServiceBroker({
    logger: false,
    middlewares: [
      channels({
        adapter: {
          type: 'NATS',
          options: {
            nats: { url: work.url, streamConfig: { name: stream.name, subjects: [channel.subject] } },
            maxInFlight: work.bound,
          },
        },
      }),
    ],
  }) as ChannelBroker
  let started = false
  const start = async (): Promise<void> => {
    if (!started) await broker.start()
    started = true
  }
  return {
    publish: (message) => broker.sendToChannel(channel.subject, message),
    async consume(handle) {
      broker.createService({
        name: 'bench',
        channels: { [channel.subject]: { group: GROUP, handler: handle } },
      } as moleculer.ServiceSchema)
      await start()
      return { name: GROUP, stop: () => broker.stop() }
    },
    flush: () => broker.channelAdapter.connection.flush(),
    close: async () => undefined,
  }
}
