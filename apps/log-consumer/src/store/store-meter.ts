import type { Metrics, Timer } from '@alarm-bus/service'
import { isRowFault } from '../database/is-row-fault.ts'

/** What the store counts of itself. */
export interface StoreMeter {
  /** One write of many alarms, by the kind of database. */
  readonly write: Timer
  /** Alarms that are in the database now and were not before. */
  readonly stored: (rows: number) => void
}

export function createStoreMeter(metrics: Pick<Metrics, 'timer' | 'counter'>): StoreMeter {
  return {
    write: metrics.timer({
      name: 'store_write_duration_seconds',
      help: 'Time of one write of many alarms to the database; result is ok, refused (an alarm that it does not take) or failed.',
      label: 'database',
      resultOf: (error) => (isRowFault(error) ? 'refused' : 'failed'),
    }),
    stored: metrics.counter('store_rows_total', 'Alarms that were written to the database and were not there before.'),
  }
}
