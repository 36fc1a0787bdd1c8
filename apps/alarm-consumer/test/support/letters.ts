import type { DeadLetterReason } from '@alarm-bus/nats-kit'
import { storeDeadLetter, StoredSender } from '@alarm-bus/nats-kit/admin'
import type { Guarded } from './guarded.ts'

let seq = 0

/** Stores dead letters as an app's consumer does, with that app's user, and all that the kit writes in one. */
export async function storeLetters(
  scene: Pick<Guarded, 'as'>,
  consumer: string,
  reason: string,
  { count = 1, user = consumer.split('_')[0] ?? '' } = {},
): Promise<void> {
  const connection = await scene.as(user)
  const sender = new StoredSender(connection, { maxInFlight: 500, budgetMs: 30_000, fullIsFinal: true })
  const store = async (): Promise<void> => {
    seq++
    await storeDeadLetter(connection, sender, {
      reason: reason as DeadLetterReason,
      error: 'an error with its secret',
      issues: [],
      channel: 'alarm-to-bot',
      subject: 'alarm.to.bot',
      stream: 'BASQUIAT_STREAM',
      seq,
      letterNanos: '1700000000000000000',
      consumer,
      deliveryCount: 3,
      original: { data: Buffer.from('{"message":"the body"}'), headerBytes: undefined },
    })
  }
  for (let left = count; left > 0; left -= 500) await Promise.all(Array.from({ length: Math.min(500, left) }, store))
  await sender.close()
}
