import type { Channel, MessageInputOf } from '@alarm-bus/contracts'
import type { PublishOptions, PublishReceipt } from '@alarm-bus/nats-kit'

/** Stores a message and resolves with the broker's receipt; rejects with a KitError. */
export type Publish = <C extends Channel>(
  channel: C,
  message: MessageInputOf<C>,
  options: PublishOptions,
) => Promise<PublishReceipt>
