const MAX_SHOWN_CHARACTERS = 160

/** The first line in which two texts differ, for a person; undefined where they are the same. */
export function differenceOf(committed: string | undefined, made: string): string | undefined {
  if (committed === made) return undefined
  if (committed === undefined) return '  it is not there'
  const before = committed.split('\n')
  const after = made.split('\n')
  const at = after.findIndex((line, index) => line !== before[index])
  const line = at === -1 ? after.length : at
  return `  line ${line + 1}\n  - ${shown(before[line])}\n  + ${shown(after[line])}`
}

function shown(line: string | undefined): string {
  if (line === undefined) return '(end of the file)'
  return line.length > MAX_SHOWN_CHARACTERS ? `${line.slice(0, MAX_SHOWN_CHARACTERS)}…` : line
}
