import { WATCH_CONSUMER, type WatchCursor, watchConsumerFaults } from '@alarm-bus/nats-kit/admin'
import type { Observed } from './observe.ts'
import type { Change } from './plan.ts'

/**
 * The cursors through which dead letters are watched. They belong to no app, and hold nothing: one that differs
 * is made again.
 */
export function planWatches(cursors: readonly WatchCursor[], { consumers }: Observed): readonly Change[] {
  return cursors.flatMap((cursor): readonly Change[] => {
    const { stream } = cursor
    const consumer = WATCH_CONSUMER
    const wanted: Readonly<Record<string, unknown>> = { ...cursor.config }
    const live = consumers.find((one) => one.stream_name === stream && one.name === consumer)
    if (!live) {
      const fields = Object.entries(wanted).map(([field, after]) => ({ field, before: null, after }))
      return [{ action: 'create', stream, consumer, fields }]
    }
    const now: Readonly<Record<string, unknown>> = { ...live.config }
    const fields = watchConsumerFaults(cursor, live.config).map((field) => ({
      field,
      before: now[field] ?? null,
      after: wanted[field] ?? null,
    }))
    return fields.length === 0 ? [] : [{ action: 'update', stream, consumer, fields }]
  })
}
