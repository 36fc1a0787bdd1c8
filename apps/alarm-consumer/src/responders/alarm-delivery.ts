import { alarmDelivery, alarmToBot } from '@alarm-bus/contracts'
import { defineResponder, type OnceRecord, type OnceStore, type Responder } from '@alarm-bus/nats-kit'
import { recordedAs } from '../delivery/deliver-to-all.ts'
import type { Delivery, DeliveryJournal } from '../delivery/delivery-journal.ts'
import type { AlarmSink } from '../sinks/alarm-sink.ts'

export interface AlarmDeliveryResponderOptions {
  readonly journal: DeliveryJournal
  readonly records: Pick<OnceStore, 'look'>
  readonly sinks: readonly Pick<AlarmSink, 'name' | 'alerts'>[]
}

/**
 * Answers what became of an alarm: from what this process has seen, else from the records that all instances share. Those
 * know what was sent; when it is tried again, and why, is known to the instance that it failed in.
 */
export function alarmDeliveryResponder({ journal, records, sinks }: AlarmDeliveryResponderOptions): Responder {
  // A sink that alerts no person is not recorded.
  const recorded = sinks.filter(({ alerts }) => alerts)
  return defineResponder(alarmDelivery, async ({ channel, id, stored }, context) => {
    if (channel !== alarmToBot.name) throw context.error('other_channel', {})
    const seen = journal.find(channel, id)
    if (seen) return seen
    if (stored === undefined) throw context.error('unknown_message', {})
    const { stream, seq, storedAtMs } = stored
    const found = await Promise.all(
      recorded.map(async ({ name }) => {
        const key = { stream, seq, storedAt: new Date(storedAtMs), consumer: recordedAs(name) }
        return sinkOf(name, await records.look?.(key))
      }),
    )
    if (found.every(({ state }) => state === 'open')) throw context.error('unknown_message', {})
    const isDelivered = found.every(({ state }) => state === 'sent')
    return { state: isDelivered ? 'delivered' : 'running', sinks: found }
  })
}

function sinkOf(name: string, record: OnceRecord | undefined): Delivery['sinks'][number] {
  if (!record) return { name, state: 'open' }
  return { name, state: record.state === 'done' ? 'sent' : 'sending', atMs: record.at.getTime() }
}
