/** What a message's handler does, by the number in its id `<name>-<writer>-<number>`; most are handled at once. */
export type Kind = 'ok' | 'never' | 'second' | 'third' | 'hang'

export function kindOf(id: string): Kind {
  const number = Number(id.split('-')[2])
  if (number % 97 === 96) return 'hang'
  if (number % 31 === 30) return 'never'
  if (number % 17 === 16) return 'second'
  return number % 23 === 22 ? 'third' : 'ok'
}
