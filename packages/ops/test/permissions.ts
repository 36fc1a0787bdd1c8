import { contracts } from '@alarm-bus/contracts'
import { withCompanions } from '@alarm-bus/nats-kit/admin'
import { waitFor } from '@alarm-bus/nats-kit/testing'
import { createInbox, type NatsConnection, PermissionViolationError } from '@nats-io/transport-node'

export type Attempt = { readonly publish: string } | { readonly subscribe: string; readonly queue?: string }

/**
 * Which of the attempts the broker refuses. It answers a forbidden line before the ping that follows, so after a flush
 * every refusal is here; the client hands them on a turn later, in order, so the last one (always refused) closes the list.
 */
export async function refused(
  client: NatsConnection,
  inboxPrefix: string,
  attempts: readonly Attempt[],
): Promise<readonly string[]> {
  const heard: string[] = []
  const statuses = client.status()
  void (async () => {
    for await (const status of statuses) {
      if (status.type === 'error' && status.error instanceof PermissionViolationError) {
        heard.push(`${status.error.operation} ${status.error.subject}`)
      }
    }
  })()
  const end = 'nobody.may.publish.this'
  for (const attempt of attempts) {
    if ('publish' in attempt) client.publish(attempt.publish, '{}', { reply: createInbox(inboxPrefix) })
    else client.subscribe(attempt.subscribe, { callback() {}, ...(attempt.queue && { queue: attempt.queue }) })
  }
  client.publish(end)
  await client.flush()
  await waitFor(() => heard.includes(`publish ${end}`), { what: 'the refusal of a subject that nobody may use' })
  return heard.filter((line) => line !== `publish ${end}`)
}

/** The same list, as the broker would say it if it refused all. */
export function allOf(attempts: readonly Attempt[]): readonly string[] {
  return attempts.map((attempt) =>
    'publish' in attempt ? `publish ${attempt.publish}` : `subscription ${attempt.subscribe}`,
  )
}

/** The declared streams and their companions, as the kit makes them. */
export const STREAM_NAMES = contracts.streams.flatMap((stream) => withCompanions(stream)).map(({ name }) => name)

/** Everything about streams that reads messages, administers or destroys. */
export const STREAM_POWERS: readonly Attempt[] = STREAM_NAMES.flatMap((stream) =>
  [
    'CREATE',
    'UPDATE',
    'DELETE',
    'PURGE',
    'MSG.GET',
    'MSG.DELETE',
    'SNAPSHOT',
    'RESTORE',
    'LEADER.STEPDOWN',
    'PEER.REMOVE',
  ].map((verb) => ({ publish: `$JS.API.STREAM.${verb}.${stream}` })),
)

/**
 * What one consumer of a channel is used with: itself, going back in it, its dead letters with their parts, and what is
 * redriven to it. Spelled here once more, as the broker sees it: what is generated is held against it.
 */
export function consumerSubjects(durable: string, stream = 'BASQUIAT_STREAM'): readonly Attempt[] {
  return [
    ...handling(stream, durable),
    `$JS.API.CONSUMER.RESET.${stream}.${durable}`,
    `dead-letter.${stream}.${durable}.17.1700000000000000000`,
    `dead-letter.${stream}.${durable}.17.1700000000000000000.1`,
    `dead-letter-share.${stream}.${durable}`,
    ...handling(`${stream}_REDRIVE`, `${durable}_redrive`),
  ].map((publish) => ({ publish }))
}

export function handling(stream: string, durable: string): readonly string[] {
  return [
    `$JS.API.CONSUMER.INFO.${stream}.${durable}`,
    `$JS.API.CONSUMER.MSG.NEXT.${stream}.${durable}`,
    `$JS.ACK.${stream}.${durable}.1.1.1.1.0`,
    `$JS.ACK._.hash.${stream}.${durable}.1.1.1.1.0`,
  ]
}

/** What no app may do with a consumer, its own among them. */
export function consumerPowers(
  durable: string,
  stream = 'BASQUIAT_STREAM',
  subject = 'alarm.to.bot',
): readonly Attempt[] {
  return [
    `$JS.API.CONSUMER.DELETE.${stream}.${durable}`,
    `$JS.API.CONSUMER.DELETE.${stream}_REDRIVE.${durable}_redrive`,
    `$JS.API.CONSUMER.PAUSE.${stream}.${durable}`,
    `$JS.API.CONSUMER.CREATE.${stream}.${durable}.${subject}`,
    `$JS.API.CONSUMER.CREATE.${stream}_REDRIVE.${durable}_redrive.redrive.${stream}.${durable}.>`,
    `$JS.API.CONSUMER.DURABLE.CREATE.${stream}.${durable}`,
    `$JS.API.CONSUMER.CREATE.${stream}.${durable}`,
    `$JS.API.CONSUMER.CREATE.${stream}`,
    `$JS.API.CONSUMER.LIST.${stream}`,
    `$JS.API.CONSUMER.NAMES.${stream}`,
  ].map((publish) => ({ publish }))
}
