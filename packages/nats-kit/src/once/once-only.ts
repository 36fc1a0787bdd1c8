import { setTimeout as sleep } from 'node:timers/promises'
import { errorText, KitError, KitErrorCode } from '../errors.ts'
import type { MessageContext, MessageHandler } from '../handling/handler.ts'
import { RetryLater } from '../handling/handler-errors.ts'
import type { LateOnceStore } from './late-once-store.ts'
import type { OnceClaim, OnceStore } from './once-store.ts'

export interface OnceOnlyOptions {
  /** From `kvOnceStore`, opened and closed by the subscriber; or a store that is open, which its maker closes. */
  readonly store: OnceStore | LateOnceStore
}

/** Between two looks at a message that another delivery handles; doubled each time, up to the cap. */
const FIRST_LOOK_MS = 100
const MAX_LOOK_MS = 2_000

/**
 * Wraps a handler so that a message it handled is not handled again: what was handled is recorded in the store before
 * it is acknowledged, by stream, sequence and consumer, and a delivery of a recorded message is acknowledged at once.
 *
 * What it guarantees, for as long as the store remembers:
 * - A redelivery after success (the ack was lost, the process died after the record) does not run the handler.
 * - Two deliveries of one message at the same time, in one process or in two, do not both run it: the second waits, and
 *   runs it only if the first fails or its process dies.
 * - Each consumer counts for itself: in a fan-out every consumer handles the message once.
 *
 * What it cannot:
 * - A process that dies between the handler's effect and the record, or is cut off from the broker for longer than the
 *   claim stands, leaves the effect without a record: the handler runs again. Only an effect that is one transaction
 *   with its record is free of that; where it matters, give the message's stream and sequence to the system that has the effect.
 * - A record that fails after the handler succeeded is logged, and the message is acknowledged all the same.
 * - The same content published twice is two messages: that is what a publisher's message id is for.
 *
 * While the store is away messages wait with their claim and no handler runs; the handler's signal ends the wait. The
 * price is two more writes a message.
 */
export function onceOnly(handler: MessageHandler, { store }: OnceOnlyOptions): MessageHandler {
  return {
    ...handler,
    ...('open' in store ? { uses: [...(handler.uses ?? []), store] } : {}),
    async handle(message, context) {
      const claim = await claimOf(store, context)
      if (claim === 'done') {
        context.logger.info(
          {
            event: 'redeliveryPassedOver',
            channel: context.channel,
            stream: context.stream,
            seq: context.seq,
            deliveries: context.deliveryCount,
          },
          'message was handled before; it is acknowledged',
        )
        return
      }
      // A handler that hangs loses its message; a claim that goes on would keep every other instance from it.
      context.onTakenBack?.(() => void release(claim, context))
      try {
        await handler.handle(message, context)
      } catch (error) {
        await release(claim, context)
        throw error
      }
      await claim
        .done()
        .catch((cause: unknown) =>
          say(context, 'onceNotRecorded', 'message was handled, and that could not be recorded', cause),
        )
    },
  }
}

async function release(claim: OnceClaim, context: MessageContext): Promise<void> {
  await claim
    .release()
    .catch((cause: unknown) => say(context, 'onceNotReleased', 'claim on a message is left to its end', cause))
}

/** Waits while another delivery handles the message, and asks for later when its time is over: that is no failure. */
async function claimOf(store: OnceStore, context: MessageContext): Promise<OnceClaim | 'done'> {
  const { stream, consumer, seq, storedAt, signal } = context
  for (let waitMs = FIRST_LOOK_MS; ; waitMs = Math.min(MAX_LOOK_MS, 2 * waitMs)) {
    if (signal.aborted) throw new RetryLater(MAX_LOOK_MS, 'another delivery of the message is being handled')
    try {
      const claim = await store.claim({ stream, consumer, seq, storedAt })
      if (claim !== 'running') return claim
    } catch (error) {
      if (!KitError.is(error, KitErrorCode.BrokerUnavailable)) throw error
      say(context, 'onceUnavailable', 'whether a message was handled cannot be found out now; it waits', error)
    }
    await sleep(waitMs, undefined, { signal }).catch(() => undefined)
  }
}

function say({ logger, channel, stream, seq }: MessageContext, event: string, sentence: string, error: unknown): void {
  logger.error({ event, channel, stream, seq, error: errorText(error) }, sentence)
}
