import { createHash } from 'node:crypto'
import type { Channel, Contracts, MessageInputOf } from '@alarm-bus/contracts'
import { EncodedHeaders, HeaderName, headerLine } from '../codec/headers.ts'
import { encodeMessage } from '../codec/json-codec.ts'
import type { Connection } from '../connection/connection.ts'
import { KitError, KitErrorCode } from '../errors.ts'
import { JetStreamCode } from '../jetstream-codes.ts'
import { idempotencyLookupSubject, idempotencyStreamName, idempotencySubject } from '../streams/companion-streams.ts'
import { checkedTtlSeconds, messageIdOf } from './publish-options.ts'
import type { MessagePublisher, PublishOptions, PublishReceipt } from './publisher.ts'
import type { StoredSenderOptions } from './stored-ack.ts'
import { StoredSender } from './stored-sender.ts'

/** The header in which a direct get says that nothing is there. */
const NOT_FOUND = 404

export interface IdempotentPublisherOptions extends StoredSenderOptions {
  readonly contracts: Contracts
}

/**
 * Wraps a publisher so that one id stands for one message. JetStream alone answers a second message under the same id
 * with `duplicate: true` and drops it, whatever it says. Here the first publish under a caller's id leaves a
 * fingerprint of channel, message and TTL beside the stream, before the message itself; another fingerprint under the
 * same id is refused with KitError `idempotency_conflict`.
 *
 * The claim outlives the duplicate window by a minute, survives restarts and holds across replicas. Messages without
 * an id of the caller's pass straight through.
 */
export function withIdempotency(
  publisher: MessagePublisher<PublishReceipt>,
  connection: Connection,
  options: IdempotentPublisherOptions,
): MessagePublisher<PublishReceipt> {
  const { contracts } = options
  const sender = new StoredSender(connection, options)

  const claim = async (channel: Channel, id: string, fingerprint: string, leftMs: () => number): Promise<void> => {
    const stream = contracts.streamOf(channel).name
    const subject = idempotencySubject(stream, sha256(id))
    // Two rounds: a claim may expire between the refusal and the look at it.
    for (let round = 0; round < 2; round++) {
      if (await put(stream, subject, fingerprint, leftMs())) return
      const held = await read(stream, subject, leftMs())
      if (held === fingerprint) return
      if (held !== undefined) {
        throw new KitError(
          KitErrorCode.IdempotencyConflict,
          `id ${JSON.stringify(id)} stands for another message; use a new id, or send the same message again`,
        )
      }
    }
    throw new KitError(
      KitErrorCode.BrokerUnavailable,
      `the claim on id ${JSON.stringify(id)} cannot be settled now; try again`,
    )
  }

  const put = async (stream: string, subject: string, fingerprint: string, timeoutMs: number): Promise<boolean> => {
    const headers = new EncodedHeaders(
      headerLine(HeaderName.ExpectedStream, idempotencyStreamName(stream)) +
        headerLine(HeaderName.ExpectedLastSubjectSequence, 0),
    )
    try {
      await sender.send(subject, headers, Buffer.from(fingerprint, 'latin1'), timeoutMs)
      return true
    } catch (error) {
      if (KitError.is(error) && error.brokerCode === JetStreamCode.WrongLastSequence) return false
      throw error
    }
  }

  const read = async (stream: string, subject: string, timeoutMs: number): Promise<string | undefined> => {
    try {
      const message = await connection.client.request(idempotencyLookupSubject(stream, subject), undefined, {
        // A look-up takes a moment; one that takes longer has lost its answer.
        timeout: Math.max(1, Math.min(5_000, timeoutMs)),
      })
      return message.headers?.code === NOT_FOUND ? undefined : message.string()
    } catch (error) {
      throw new KitError(KitErrorCode.BrokerUnavailable, 'the claim behind this id cannot be read now; try again', {
        cause: error,
      })
    }
  }

  return {
    async publish(channel, message, publishOptions) {
      if (publishOptions?.id === undefined) return publisher.publish(channel, message, publishOptions)
      // One budget for the claim and the message together.
      const endsAt = performance.now() + Math.min(publishOptions.timeoutMs ?? sender.budgetMs, sender.budgetMs)
      const leftMs = (): number => Math.max(1, endsAt - performance.now())
      await claim(channel, messageIdOf(publishOptions), fingerprintOf(channel, message, publishOptions), leftMs)
      return publisher.publish(channel, message, { ...publishOptions, timeoutMs: leftMs() })
    },
    async close() {
      await Promise.all([sender.close(), publisher.close()])
    },
  }
}

function fingerprintOf<C extends Channel>(channel: C, message: MessageInputOf<C>, options: PublishOptions): string {
  // The encoded form has the schema's order of fields, whatever the caller's was.
  return sha256(
    `${channel.name}\n${checkedTtlSeconds(options) ?? ''}\n${Buffer.from(encodeMessage(channel, message)).toString('latin1')}`,
  )
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
