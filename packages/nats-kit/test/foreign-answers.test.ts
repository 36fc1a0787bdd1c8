import { describe, expect, test } from 'vitest'
import { createJetStreamPublisher, type KitError } from '../src/index.ts'
import { countMessages, makeContracts, onEnd, open, openWithStreams, useBroker } from './harness.ts'

const broker = useBroker()
const sized = (text: string) => ({ text, byteLength: Buffer.byteLength(text) })
/** Bytes in place of an ack, with the header block in front that the server lets through. */
type Answer = readonly [what: string, body: string, headers?: string]
const ANSWERS: readonly Answer[] = [
  ['nothing', ''],
  ['nothing, and headers that the client cannot read', '', 'NATS/1.0\r\n: no name\r\n\r\n'],
  ['nothing, and a status that is none', '', 'NATS/1.0 x\r\n\r\n'],
  ['null', 'null'],
  ['a number', '7'],
  ['a text', '"x"'],
  ['a list', '[]'],
  ['what is no JSON', '{'],
  ['an object without anything', '{}'],
  ['an ack without a sequence', '{"stream":"S"}'],
  ['an ack of sequence 0', '{"stream":"S","seq":0}'],
  ['an ack whose sequence is a text', '{"stream":"S","seq":"1"}'],
  ['an ack of nobody’s stream', '{"stream":"","seq":1}'],
  ['an error that is a number', '{"error":5}'],
  ['an error that is null', '{"error":null}'],
  ['an error whose fields are of other types', '{"error":{"code":"503","err_code":"x","description":{}}}'],
]

describe.each(['publish', 'publishMany', 'publishStream'] as const)('%s', (how) => {
  test.for(ANSWERS)(
    'another client answers %s: that message fails and the next one is stored',
    async ([, body, headers]) => {
      const { connection, contracts, toBot, stream } = await openWithStreams(broker.current)
      // No stream stores this one, so that what answers is another client only.
      const lone = makeContracts()
      const publisher = createJetStreamPublisher(connection, {
        contracts: lone.contracts,
        attemptTimeoutMs: 300,
        budgetMs: 600,
      })
      const good = createJetStreamPublisher(connection, { contracts })
      onEnd(() => Promise.all([publisher.close(), good.close()]))
      const states: string[] = []
      connection.events.on('connectionStateChanged', ({ state }) => void states.push(state))
      const other = await open(broker.current)
      other.client.subscribe(lone.toBot.subject, {
        callback: (_error, { reply }) => {
          if (!reply) return
          other.frames.publish(reply, '', headers === undefined ? undefined : sized(headers), sized(body))
        },
      })
      await other.client.flush()
      const messages = [{ message: 'a' }, { message: 'b' }]
      const publishing: Promise<unknown> =
        how === 'publish'
          ? publisher.publish(lone.toBot, { message: 'a' })
          : how === 'publishMany'
            ? publisher.publishMany(lone.toBot, messages)
            : publisher.publishStream(lone.toBot, messages)
      const error = await publishing.then(
        () => undefined,
        (thrown: unknown) => thrown as KitError,
      )
      expect(error?.code).toMatch(/^(publish_rejected|broker_unavailable|batches_disabled)$/)
      expect(await good.publish(toBot, { message: 'next' })).toMatchObject({ seq: 1 })
      expect(await countMessages(connection, stream.name)).toBe(1)
      expect(states).toEqual([])
    },
  )
})
