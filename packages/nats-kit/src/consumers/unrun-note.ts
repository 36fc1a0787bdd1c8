/** Messages that fit: the server takes 128 KiB of metadata, and every look at the consumer carries it. */
const MAX_NOTED = 2_000

/**
 * Deliveries of each message that never ran, by its sequence, as one line: the distance to the sequence before, in base 36,
 * and the count where it is not 1. `1a,1,3:2` are the sequences 46, 47 and 50, the last one twice.
 */
export function writeUnrun(counts: ReadonlyMap<number, number>): { readonly text: string; readonly dropped: number } {
  const sorted = [...counts].sort(([a], [b]) => a - b)
  const kept = sorted.slice(-MAX_NOTED)
  let before = 0
  const text = kept
    .map(([seq, count]) => {
      const distance = (seq - before).toString(36)
      before = seq
      return count === 1 ? distance : `${distance}:${count}`
    })
    .join(',')
  return { text, dropped: sorted.length - kept.length }
}

/** What cannot be read is nothing. */
export function readUnrun(text: string | undefined): ReadonlyMap<number, number> {
  const counts = new Map<number, number>()
  if (text === undefined || text === '') return counts
  let seq = 0
  for (const part of text.split(',')) {
    const match = /^([0-9a-z]+)(?::(\d+))?$/.exec(part)
    if (!match) return new Map()
    seq += Number.parseInt(match[1] as string, 36)
    counts.set(seq, Number(match[2] ?? 1))
  }
  return counts
}
