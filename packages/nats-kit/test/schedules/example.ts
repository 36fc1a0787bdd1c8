import { alarmToBot } from '@alarm-bus/contracts'
import { type Bus, KitError, KitErrorCode } from '@alarm-bus/nats-kit'

export async function remind({ publisher }: Bus, order: string): Promise<boolean> {
  const tomorrow = { at: new Date(Date.now() + 24 * 3_600_000) }
  await publisher.schedule(alarmToBot, { message: `${order} is still open` }, tomorrow, { id: order })

  const atNine = { cron: '0 9 * * MON-FRI', timeZone: 'Asia/Seoul' }
  await publisher.schedule(alarmToBot, { message: 'Good morning' }, atNine, { id: 'morning' })

  try {
    await publisher.replace(alarmToBot, { message: `${order} is open, hurry` }, { delayMs: 3_600_000 }, { id: order })
  } catch (error) {
    if (!KitError.is(error, KitErrorCode.ScheduleNotFound)) throw error
    // It was delivered in the meantime.
  }

  for await (const { id, at, when } of publisher.schedules(alarmToBot)) console.log(id, at ?? when)
  return publisher.cancel(alarmToBot, order)
}
