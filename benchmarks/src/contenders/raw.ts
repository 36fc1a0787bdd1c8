import { randomUUID } from 'node:crypto'
import {
  AckPolicy,
  type ConsumerConfig,
  type ConsumerMessages,
  DeliverPolicy,
  type JetStreamClient,
  jetstream,
  jetstreamManager,
} from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'
import { benchContracts, type BenchMessage, benchSchema } from '../work/contracts.ts'
import type { Work } from '../work/work.ts'
import type { Contender, Handle, OpenContender } from './contender.ts'
import { publishBatch, publishIngest } from './raw-batches.ts'

const ASK_TIMEOUT_MS = 30_000
const ACK_WAIT_NS = 30 * 1_000_000_000
/** What the kit's pull consumers allow. A push consumer has no other bound than this, so there it is the bound. */
const PULL_MAX_ACK_PENDING = 1_000

/** The client's documented idiom: `js.publish` with an id and an expected stream, and `for await` over `consume()`. */
export const openRaw: OpenContender = async (work): Promise<Contender> => {
  const { channel, stream, request } = benchContracts(work.key)
  const user = work.auth && { user: work.auth.user, pass: work.auth.password }
  const client = await connect({ servers: [work.url], name: 'bench-raw', ...user })
  const js = jetstream(client)
  const manager = await jetstreamManager(client)
  const name = `raw${work.auth ? '-one' : ''}_${work.key}`
  const expect = { streamName: stream.name }
  const target = { subject: channel.subject, stream: stream.name }
  let stopAnswering = async (): Promise<void> => undefined
  return {
    async ask(message) {
      const answer = await client.request(request.subject, JSON.stringify(message), { timeout: ASK_TIMEOUT_MS })
      return answer.json<BenchMessage>()
    },
    async answer() {
      const answering = await connect({ servers: [work.url], name: 'bench-raw-answers', ...user })
      answering.subscribe(request.subject, {
        queue: 'bench',
        callback: (_, message) => void message.respond(JSON.stringify(message.json())),
      })
      await answering.flush()
      stopAnswering = () => answering.drain()
    },
    publish(message) {
      const checked = work.check === 'both-ends' ? benchSchema.parse(message) : message
      return js.publish(channel.subject, JSON.stringify(checked), { msgID: randomUUID(), expect })
    },
    publishMany: (messages) => publishBatch(js, target, messages),
    publishStream: (messages) => publishIngest(client, target, messages),
    async read(count, handle) {
      const ordered = await js.consumers.get(stream.name, { filter_subjects: channel.subject })
      const messages = await ordered.consume({ max_messages: work.bound })
      let left = count
      for await (const message of messages) {
        handle(benchSchema.parse(message.json()))
        if (--left === 0) break
      }
      await messages.close()
    },
    async consume(handle) {
      await manager.consumers.add(stream.name, consumerConfig(work, name, channel.subject))
      const messages = await open(js, work, stream.name, name)
      const reading = read(messages, handle, work.check !== 'none')
      return {
        name,
        async stop() {
          await messages.close()
          await reading
          await manager.consumers.delete(stream.name, name)
        },
      }
    },
    flush: () => client.flush(),
    async close() {
      await client.drain()
      await stopAnswering()
    },
  }
}

async function read(messages: ConsumerMessages, handle: Handle, check: boolean): Promise<void> {
  for await (const message of messages) {
    const value = message.json()
    await handle(check ? benchSchema.parse(value) : (value as never))
    message.ack()
  }
}

async function open(js: JetStreamClient, work: Work, stream: string, name: string): Promise<ConsumerMessages> {
  if (work.mode === 'pull') return (await js.consumers.get(stream, name)).consume({ max_messages: work.bound })
  return (await js.consumers.getPushConsumer(stream, name)).consume()
}

function consumerConfig(work: Work, name: string, subject: string): Partial<ConsumerConfig> {
  return {
    durable_name: name,
    filter_subject: subject,
    ack_policy: AckPolicy.Explicit,
    ack_wait: ACK_WAIT_NS,
    deliver_policy: DeliverPolicy.All,
    ...(work.mode === 'pull'
      ? { max_ack_pending: PULL_MAX_ACK_PENDING }
      : { max_ack_pending: work.bound, deliver_subject: `_INBOX_bench_raw.push.${name}`, deliver_group: name }),
  }
}
