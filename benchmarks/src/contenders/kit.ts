import {
  connect,
  createJetStreamPublisher,
  createRequester,
  createResponders,
  createSubscriber,
  defineHandler,
  defineResponder,
  type Logger,
  readChannel,
} from '@alarm-bus/nats-kit'
import { jetstreamManager } from '@nats-io/jetstream'
import { benchContracts, type BenchMessage } from '../work/contracts.ts'
import type { Contender, OpenContender } from './contender.ts'

const STOP_TIMEOUT_MS = 5_000
const APP = 'bench'

/** Says only what would falsify a round. */
const logger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: (fields, message) => console.error(message, fields),
  error: (fields, message) => console.error(message, fields),
}

/** The kit as an app uses it: checks at both ends, an id and an expected stream, one consumer with a bound. */
export const openKit: OpenContender = async (work): Promise<Contender> => {
  const { channel, stream, request, contracts } = benchContracts(work.key)
  const connection = await connect({ servers: [work.url], name: APP }, { logger })
  const publisher = createJetStreamPublisher(connection, { contracts, maxInFlight: work.inFlight })
  const requester = createRequester(connection, { contracts })
  let stopAnswering = async (): Promise<void> => undefined
  return {
    ask: (message) => requester.request(request, message),
    async answer() {
      const answering = await connect({ servers: [work.url], name: APP }, { logger })
      const responders = createResponders(answering, {
        contracts,
        responders: [defineResponder(request, (message) => message, { concurrency: work.bound })],
      })
      responders.start()
      await answering.client.flush()
      stopAnswering = async () => {
        await responders.stop(STOP_TIMEOUT_MS)
        await answering.close(STOP_TIMEOUT_MS)
      }
    },
    publish: (message: BenchMessage) => publisher.publish(channel, message),
    publishMany: (messages) => publisher.publishMany(channel, messages),
    publishStream: (messages) => publisher.publishStream(channel, messages),
    async read(count, handle) {
      let left = count
      for await (const item of readChannel(connection, channel, { contracts, from: 'start' })) {
        if (item.kind !== 'message') throw new Error(`${item.kind} in what was filled`)
        handle(item.message)
        if (--left === 0) break
      }
    },
    async consume(handle) {
      const subscriber = createSubscriber(connection, {
        contracts,
        app: APP,
        handlers: [defineHandler(channel, handle)],
        mode: work.mode,
        concurrency: work.bound,
      })
      subscriber.start()
      const name = `${APP}_${channel.name}`
      return {
        name,
        async stop() {
          await subscriber.stop(STOP_TIMEOUT_MS)
          await (await jetstreamManager(connection.client)).consumers.delete(stream.name, name)
        },
      }
    },
    flush() {
      connection.frames.flush()
      return connection.client.flush()
    },
    async close() {
      requester.close()
      await stopAnswering()
      await publisher.close()
      await connection.close(STOP_TIMEOUT_MS)
    },
  }
}
