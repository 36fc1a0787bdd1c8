import { consumeAllocationsRow, publishAllocationsRow } from './allocations.ts'
import { publishManyRow, publishStreamRow } from './batches.ts'
import { bothEndsRow, latencyRow } from './both-ends.ts'
import { pullRow, pushRow, readRow } from './consume.ts'
import { publishRow, replicatedPublishRow } from './publish.ts'
import { requestsRow, singleRequestsRow } from './requests.ts'
import type { Row } from './row.ts'

/** Every row, in the order in which it runs. A new one is written beside those of its kind and listed here. */
export const ALL_ROWS: readonly Row[] = [
  publishRow,
  pullRow,
  pushRow,
  readRow,
  bothEndsRow,
  replicatedPublishRow,
  publishManyRow,
  publishStreamRow,
  latencyRow,
  requestsRow,
  singleRequestsRow,
  publishAllocationsRow,
  consumeAllocationsRow,
]

/** The rows whose name begins with one of the filters; all of them without a filter. */
export function selectRows(filters: readonly string[]): readonly Row[] {
  return filters.length === 0
    ? ALL_ROWS
    : ALL_ROWS.filter((row) => filters.some((filter) => row.name.startsWith(filter)))
}
