import { type Channel, checkToPublish, type MessageShape } from '@alarm-bus/contracts'

/**
 * The messages that the channel's schema gives as examples (`.meta({ examples })`).
 *
 * @throws Error naming the channel, for an example that could not be published.
 */
export function examplesOf(channel: Channel): readonly unknown[] {
  return checkedExamples(`channel ${JSON.stringify(channel.name)}`, channel)
}

/** The same of a part of a request, such as `order-state.request`. @throws Error naming it. */
export function partExamplesOf(name: string, part: MessageShape): readonly unknown[] {
  return checkedExamples(`request ${JSON.stringify(name)}`, part)
}

function checkedExamples(what: string, shape: MessageShape): readonly unknown[] {
  const examples = (shape.schema.meta()?.examples ?? []) as readonly unknown[]
  for (const example of examples) {
    const checked = checkToPublish(shape, example)
    if (checked.ok) continue
    const why = checked.issues.map(({ path, message }) => `${path || '/'} ${message}`).join('; ')
    throw new Error(`${what}: the example ${JSON.stringify(example)} does not match its schema: ${why}`)
  }
  return examples
}
