import { UsageError } from '@alarm-bus/command-line'
import { contracts } from '@alarm-bus/contracts'
import type { Connection } from '@alarm-bus/nats-kit'
import { type DeadLetterFilter, declaredConsumers, listDeadLetters } from '@alarm-bus/nats-kit/admin'
import { readApps } from '../apps/read-apps.ts'

/**
 * To be asked when nothing matched: a name with a slip in it matches nothing, which looks like good news. A channel or a
 * consumer that is not declared any more may have dead letters still, so only one that has none is refused.
 *
 * @throws UsageError naming those that are declared.
 */
export async function checkKnown(
  connection: Connection,
  stream: string,
  { channel, consumer }: DeadLetterFilter,
): Promise<void> {
  const declared: Readonly<Record<'channel' | 'consumer', readonly string[]>> = {
    channel: contracts.streams.flatMap(({ channels }) => channels.map(({ name }) => name)),
    consumer: (await readApps())
      .flatMap((app) => declaredConsumers(app, contracts))
      .filter((one) => one.stream === stream)
      .map(({ name }) => name),
  }
  for (const [what, name] of Object.entries({ channel, consumer }) as ['channel' | 'consumer', string | undefined][]) {
    if (name === undefined || declared[what].includes(name)) continue
    if (await hasLetter(connection, stream, { [what]: name })) continue
    throw new UsageError(
      `--${what} ${JSON.stringify(name)}: it has no dead letters and is not declared; declared: ${declared[what].join(', ')}`,
    )
  }
}

async function hasLetter(connection: Connection, stream: string, filter: DeadLetterFilter): Promise<boolean> {
  for await (const _ of listDeadLetters(connection, stream, { ...filter, limit: 1 })) return true
  return false
}
