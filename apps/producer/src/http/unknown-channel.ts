import { Problem } from '@alarm-bus/service'

/** A 404 that names the channels there are. */
export function unknownChannel(name: string, known: readonly string[]): Problem {
  const shown = JSON.stringify(name.slice(0, 64))
  return new Problem({
    status: 404,
    slug: 'unknown-channel',
    title: 'Unknown channel',
    detail: `channel ${shown} does not exist; expected one of: ${known.join(', ')}`,
    extensions: { channels: known },
  })
}
