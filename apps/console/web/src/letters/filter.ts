import type { LetterFilter } from '../api/queries.ts'
import { REASONS } from './reasons.ts'

/** The ages a person picks from. */
export const AGES = [
  ['newerThanMs', 3_600_000],
  ['newerThanMs', 86_400_000],
  ['olderThanMs', 3_600_000],
  ['olderThanMs', 86_400_000],
  ['olderThanMs', 604_800_000],
] as const

const TEXTS = ['stream', 'channel', 'consumer', 'group'] as const

/** The filter stands in the address, so that it can be sent to somebody. What is no filter is left out. */
export function filterOf(search: string): LetterFilter {
  const params = new URLSearchParams(search)
  const filter: LetterFilter = {}
  for (const name of TEXTS) {
    const value = params.get(name)
    if (value) filter[name] = value
  }
  const reason = REASONS.find((one) => one === params.get('reason'))
  if (reason) filter.reason = reason
  for (const name of ['olderThanMs', 'newerThanMs'] as const) {
    const value = Number(params.get(name))
    if (params.has(name) && Number.isSafeInteger(value) && value >= 0) filter[name] = value
  }
  return filter
}

export function ageOf({ olderThanMs, newerThanMs }: LetterFilter): string {
  if (olderThanMs !== undefined) return `olderThanMs=${olderThanMs}`
  return newerThanMs === undefined ? '' : `newerThanMs=${newerThanMs}`
}
