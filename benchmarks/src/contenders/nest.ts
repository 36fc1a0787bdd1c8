import 'reflect-metadata'
import nestTransport from '@nestjs-plugins/nestjs-nats-jetstream-transport'
import { Controller, Module } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { Ctx, EventPattern, Payload } from '@nestjs/microservices'
import type { NatsConnection } from 'nats'
import { lastValueFrom } from 'rxjs'
import { benchContracts, type BenchMessage } from '../work/contracts.ts'
import type { Contender, Handle, OpenContender } from './contender.ts'

const { NatsJetStreamClientProxy, NatsJetStreamServer } = nestTransport
const DURABLE = 'nest'

interface Context {
  readonly message: { ack(): void }
}

/** `@nestjs-plugins/nestjs-nats-jetstream-transport`: one awaited `emit` a message, an `@EventPattern` that acks, no check. */
export const openNest: OpenContender = async (work): Promise<Contender> => {
  const { channel } = benchContracts(work.key)
  let consuming: NatsConnection | undefined
  const client = new NatsJetStreamClientProxy({ connectionOptions: { name: 'bench-nest', servers: [work.url] } })
  await client.connect()
  return {
    publish: (message) => lastValueFrom(client.emit(channel.subject, message), { defaultValue: undefined }),
    async consume(handle) {
      const strategy = new NatsJetStreamServer({
        connectionOptions: {
          name: 'bench-nest',
          servers: [work.url],
          connectedHook: (connection) => void (consuming = connection),
        },
        consumerOptions: {
          durable: DURABLE,
          deliverGroup: DURABLE,
          deliverTo: DURABLE,
          deliverPolicy: 'All',
          ackPolicy: 'Explicit',
          manualAck: true,
          maxAckPending: work.bound,
        },
      })
      const app = await NestFactory.createMicroservice(moduleWith(channel.subject, handle), { strategy, logger: false })
      await app.listen()
      return { name: `${DURABLE}-${channel.subject.replaceAll('.', '_')}`, stop: () => app.close() }
    },
    async flush() {
      await consuming?.flush()
    },
    close: () => client.close(),
  }
}

/** Decorators are applied as the functions they are, so that the file runs without a build. */
function moduleWith(subject: string, handle: Handle): new () => object {
  class BenchController {
    async onMessage(message: BenchMessage, context: Context): Promise<void> {
      await handle(message)
      context.message.ack()
    }
  }
  const prototype = BenchController.prototype
  Payload()(prototype, 'onMessage', 0)
  Ctx()(prototype, 'onMessage', 1)
  EventPattern(subject)(
    prototype,
    'onMessage',
    Object.getOwnPropertyDescriptor(prototype, 'onMessage') as PropertyDescriptor,
  )
  Controller()(BenchController)
  class BenchModule {}
  Module({ controllers: [BenchController] })(BenchModule)
  return BenchModule
}
