/** `order-placed` as the name of a value: `orderPlaced`. */
export function camelCase(name: string): string {
  return name.replaceAll(/-([a-z0-9])/g, (_, first: string) => first.toUpperCase())
}

/** `order-placed` as the name of a type: `OrderPlaced`. */
export function pascalCase(name: string): string {
  return camelCase(`-${name}`)
}
