import { type Channel, checkToPublish } from '@alarm-bus/contracts'

/**
 * The messages that the channel's schema gives as examples (`.meta({ examples })`).
 *
 * @throws Error naming the channel, for an example that could not be published.
 */
export function examplesOf(channel: Channel): readonly unknown[] {
  const examples = (channel.schema.meta()?.examples ?? []) as readonly unknown[]
  for (const example of examples) {
    const checked = checkToPublish(channel, example)
    if (checked.ok) continue
    const why = checked.issues.map(({ path, message }) => `${path || '/'} ${message}`).join('; ')
    throw new Error(
      `channel ${JSON.stringify(channel.name)}: the example ${JSON.stringify(example)} is no message of it: ${why}`,
    )
  }
  return examples
}
