import type { Channel, MessageInputOf } from '@alarm-bus/contracts'
import { KitError, KitErrorCode } from '../errors.ts'
import type { MessagePublisher, PublishOptions, SentReceipt } from './publisher.ts'

/** Picks the publisher by the kind of broker: `jetstream` stores, `core` does not. */
export interface MessageRouter<Publishers extends Readonly<Record<string, MessagePublisher>>> {
  /** @throws KitError `unknown_broker_type`, naming those that exist; else whatever the publisher rejects with. */
  send<C extends Channel, Type extends keyof Publishers>(
    channel: C,
    brokerType: Type,
    message: MessageInputOf<C>,
    options?: PublishOptions,
  ): Promise<Publishers[Type] extends MessagePublisher<infer Receipt> ? Receipt : SentReceipt>
}

/** A router over named publishers: `createMessageRouter({ jetstream, core })`. */
export function createMessageRouter<const Publishers extends Readonly<Record<string, MessagePublisher>>>(
  publishers: Publishers,
): MessageRouter<Publishers> {
  return {
    async send(channel, brokerType, message, options) {
      const publisher = Object.hasOwn(publishers, brokerType) ? publishers[brokerType] : undefined
      if (!publisher) {
        throw new KitError(
          KitErrorCode.UnknownBrokerType,
          `broker type ${JSON.stringify(brokerType)} is unknown; expected one of: ${Object.keys(publishers).join(', ')}`,
        )
      }
      return (await publisher.publish(channel, message, options)) as never
    },
  }
}
