/** Whether every message on `subject` is one on `pattern`. */
export function covers(pattern: string, subject: string): boolean {
  const [wanted, given] = [pattern.split('.'), subject.split('.')]
  const rest = wanted.indexOf('>')
  if (rest === -1 ? wanted.length !== given.length : given.length <= rest) return false
  return (rest === -1 ? wanted : wanted.slice(0, rest)).every(
    (token, i) => token === given[i] || (token === '*' && given[i] !== '>'),
  )
}

/** Whether a message on `subject` may be one on `pattern`; both may have wildcards. */
export function overlaps(pattern: string, subject: string): boolean {
  const [one, other] = [pattern.split('.'), subject.split('.')]
  for (const [i, token] of one.entries()) {
    const given = other[i]
    if (token === '>' || given === '>') return given !== undefined
    if (given === undefined || (token !== '*' && given !== '*' && token !== given)) return false
  }
  return one.length === other.length
}
