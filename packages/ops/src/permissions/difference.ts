import { diff } from 'node:util'

/** The lines in which two texts differ, each with its number: `-` stands in the file, `+` belongs there. Empty when alike. */
export function differenceOf(file: string, wanted: string): readonly string[] {
  const lines: string[] = []
  let inFile = 0
  let inWanted = 0
  for (const [side, line] of diff(wanted.split('\n'), file.split('\n'))) {
    if (side <= 0) inFile++
    if (side >= 0) inWanted++
    if (side < 0) lines.push(`-${inFile} ${line}`)
    if (side > 0) lines.push(`+${inWanted} ${line}`)
  }
  return lines
}
