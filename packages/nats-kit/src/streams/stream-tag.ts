import type { Stream } from '@alarm-bus/contracts'
import { configHash } from './config-hash.ts'
import type { DeclaredStreamConfig } from './to-stream-config.ts'

/** The keys in a stream's metadata that say whose it is, and which declaration it was made of. */
const OWNER_KEY = 'alarm-bus.owner'
const HASH_KEY = 'alarm-bus.config'

/**
 * The stream with its tag: the teams that own its channels, and the hash of its configuration. The number of replicas is
 * left out of the hash: a deployment says it, not the declaration.
 */
export function withTag(config: DeclaredStreamConfig, { channels }: Stream): DeclaredStreamConfig {
  const owners = [...new Set(channels.flatMap(({ owner }) => owner ?? []))].sort()
  return retagged({ ...config, metadata: { [OWNER_KEY]: owners.join(', ') || 'nobody' } })
}

/** The stream with the hash of what it is now, and everything else in its metadata as it was. */
export function retagged(config: DeclaredStreamConfig): DeclaredStreamConfig {
  const { num_replicas: _, metadata, ...hashed } = config
  return { ...config, metadata: { ...metadata, [HASH_KEY]: configHash(hashed) } }
}

/**
 * The hash that the stream was tagged with. One that is the declaration's, on a stream that differs from it, says that
 * the stream was changed by hand.
 */
export function taggedHash(metadata: Readonly<Record<string, string>> | undefined): string | undefined {
  return metadata?.[HASH_KEY]
}
