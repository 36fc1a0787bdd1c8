/** Whether two values are the same once they are JSON, in whatever order their fields stand. */
export function isSameJson(one: unknown, other: unknown): boolean {
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) return one === other
  if (Array.isArray(one) !== Array.isArray(other)) return false
  const fields = (value: object): readonly (readonly [string, unknown])[] =>
    Object.entries(value).filter(([, field]) => field !== undefined)
  const [own, others] = [fields(one), new Map(fields(other))]
  return (
    own.length === others.size && own.every(([name, field]) => others.has(name) && isSameJson(field, others.get(name)))
  )
}
