import { jetstreamManager } from '@nats-io/jetstream'
import type { Connection } from '../connection/connection.ts'
import type { TrialNotes } from '../handling/trials.ts'

/** The key in a consumer's metadata under which runs are noted whose messages may end the process. */
const NOTE_KEY = 'alarm-bus.trials'
/** Messages of which runs are noted; the oldest note makes space. */
const MAX_NOTED = 32

/**
 * Notes in the metadata of the consumer, which the app may write with the right that makes the consumer, and which outlive
 * every process. Two instances that write at once may lose one's note: that message is tried once more.
 */
export function consumerTrialNotes(connection: Connection, stream: string, consumer: string): TrialNotes {
  const change = async <T>(act: (runs: Map<string, number>) => T): Promise<T> => {
    const manager = await jetstreamManager(connection.client, { checkAPI: false, timeout: 5_000 })
    const { config } = await manager.consumers.info(stream, consumer)
    const before = config.metadata?.[NOTE_KEY]
    const runs = readRuns(before)
    const result = act(runs)
    const after = JSON.stringify([...runs].slice(-MAX_NOTED))
    if (after !== (before ?? '[]')) {
      await manager.consumers.update(stream, consumer, {
        ...config,
        metadata: { ...config.metadata, [NOTE_KEY]: after },
      })
    }
    return result
  }
  return {
    begin: (key) =>
      change((runs) => {
        const begun = (runs.get(key) ?? 0) + 1
        runs.delete(key)
        runs.set(key, begun)
        return begun
      }),
    end: (key) => change((runs) => void runs.delete(key)),
  }
}

function readRuns(note: string | undefined): Map<string, number> {
  try {
    const entries = JSON.parse(note ?? '[]') as readonly (readonly [string, number])[]
    return new Map(entries.filter(([key, runs]) => typeof key === 'string' && Number.isSafeInteger(runs)))
  } catch {
    return new Map()
  }
}
