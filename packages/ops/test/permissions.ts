import { contracts } from '@alarm-bus/contracts'
import { withCompanions } from '@alarm-bus/nats-kit'
import { waitFor } from '@alarm-bus/nats-kit/testing'
import { createInbox, type NatsConnection, PermissionViolationError } from '@nats-io/transport-node'

export type Attempt = { readonly publish: string } | { readonly subscribe: string }

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
    else client.subscribe(attempt.subscribe, { callback() {} })
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

/** The declared stream and its companions, as the kit makes them. */
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
 * What one consumer of a channel is used with: itself, its dead letters, its advisories, what is redriven to it, the
 * recovery of a message.
 */
export function consumerSubjects(durable: string, subject: string): readonly Attempt[] {
  return [
    ...handling('BASQUIAT_STREAM', durable, subject),
    `dead-letter.BASQUIAT_STREAM.${durable}.17.1700000000000000000`,
    ...handling(
      'BASQUIAT_STREAM_ADVISORIES',
      `${durable}_advisories`,
      `$JS.EVENT.ADVISORY.CONSUMER.*.BASQUIAT_STREAM.${durable}`,
    ),
    ...handling('BASQUIAT_STREAM_REDRIVE', `${durable}_redrive`, `redrive.BASQUIAT_STREAM.${durable}.>`),
    `$JS.API.CONSUMER.CREATE.BASQUIAT_STREAM.${durable}_recover.${subject}`,
    `$JS.API.CONSUMER.MSG.NEXT.BASQUIAT_STREAM.${durable}_recover`,
    `$JS.API.CONSUMER.DELETE.BASQUIAT_STREAM.${durable}_recover`,
  ].map((publish) => ({ publish }))
}

function handling(stream: string, durable: string, filter: string): readonly string[] {
  return [
    `$JS.API.CONSUMER.CREATE.${stream}.${durable}.${filter}`,
    `$JS.API.CONSUMER.INFO.${stream}.${durable}`,
    `$JS.API.CONSUMER.MSG.NEXT.${stream}.${durable}`,
    `$JS.ACK.${stream}.${durable}.1.1.1.1.0`,
    `$JS.ACK._.hash.${stream}.${durable}.1.1.1.1.0`,
  ]
}

/** What no app may do with a consumer, its own among them. */
export function consumerPowers(durable: string): readonly Attempt[] {
  return [
    `$JS.API.CONSUMER.DELETE.BASQUIAT_STREAM.${durable}`,
    `$JS.API.CONSUMER.DELETE.BASQUIAT_STREAM_ADVISORIES.${durable}_advisories`,
    `$JS.API.CONSUMER.DELETE.BASQUIAT_STREAM_REDRIVE.${durable}_redrive`,
    `$JS.API.CONSUMER.PAUSE.BASQUIAT_STREAM.${durable}`,
    `$JS.API.CONSUMER.DURABLE.CREATE.BASQUIAT_STREAM.${durable}`,
    `$JS.API.CONSUMER.CREATE.BASQUIAT_STREAM.${durable}`,
    '$JS.API.CONSUMER.CREATE.BASQUIAT_STREAM',
    '$JS.API.CONSUMER.LIST.BASQUIAT_STREAM',
    '$JS.API.CONSUMER.NAMES.BASQUIAT_STREAM',
  ].map((publish) => ({ publish }))
}

export const INSTANCES = ['', '_0', '_1', '_2'] as const
