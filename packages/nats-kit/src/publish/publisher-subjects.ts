import type { Channel } from '@alarm-bus/contracts'
import { idempotencyLookupSubject, idempotencySubject } from '../streams/companion-streams.ts'
import { CORE_PREFIX } from './core-publisher.ts'

/** The subjects that messages of a channel are published on: stored, and at most once. */
export function channelSubjects(channel: Channel): readonly string[] {
  return [channel.subject, `${CORE_PREFIX}${channel.subject}`]
}

/** The subjects behind ids that are held to one message: a claim, and a look at the claim that was there first. */
export function idempotencySubjects(stream: string): readonly string[] {
  const claims = idempotencySubject(stream, '*')
  return [claims, idempotencyLookupSubject(stream, claims)]
}
