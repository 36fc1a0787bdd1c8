import { setTimeout as sleep } from 'node:timers/promises'
import type { ConsumerInfo, JetStreamManager } from '@nats-io/jetstream'

export type Metadata = Readonly<Record<string, string>>

const MAX_ATTEMPTS = 4
const PAUSE_MS = 50

/** Changes under way in this process, by consumer. */
const last = new Map<string, Promise<unknown>>()

/**
 * Changes a consumer's metadata, and nothing else of it. The server takes the metadata as a whole and compares nothing, so
 * changes of this process wait for each other, each begins with what is there, and with `isKept` it is looked whether
 * another instance wrote in between; then it is made again.
 *
 * @param change what is added or replaced; undefined when nothing has to be written.
 * @throws what the client throws; `Error` when another instance wrote in between each time.
 */
export async function changeMetadata(
  manager: JetStreamManager,
  stream: string,
  consumer: string,
  change: (info: ConsumerInfo) => Metadata | undefined,
  isKept?: (metadata: Metadata) => boolean,
): Promise<void> {
  const name = `${stream} ${consumer}`
  const run = (last.get(name) ?? Promise.resolve()).then(() => write(manager, stream, consumer, change, isKept))
  const settled = run.catch(() => undefined)
  last.set(name, settled)
  try {
    await run
  } finally {
    if (last.get(name) === settled) last.delete(name)
  }
}

async function write(
  manager: JetStreamManager,
  stream: string,
  consumer: string,
  change: (info: ConsumerInfo) => Metadata | undefined,
  isKept: ((metadata: Metadata) => boolean) | undefined,
): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const info = await manager.consumers.info(stream, consumer)
    const changed = change(info)
    if (changed === undefined) return
    await manager.consumers.update(stream, consumer, {
      metadata: { ...info.config.metadata, ...changed },
    })
    if (isKept === undefined) return
    const now = await manager.consumers.info(stream, consumer)
    if (isKept(now.config.metadata ?? {})) return
    if (attempt === MAX_ATTEMPTS)
      throw new Error('another instance changes the metadata of the consumer at the same time')
    await sleep(PAUSE_MS * (1 + Math.random()))
  }
}
