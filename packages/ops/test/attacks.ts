import { type App, contracts } from '@alarm-bus/contracts'
import { headers, type MsgHdrs, type NatsConnection } from '@nats-io/transport-node'
import { appPermissions } from '../src/permissions/app-permissions.ts'
import { consumersOf } from './neighbours.ts'
import { STREAM_NAMES } from './permissions.ts'

/** What the server's API for JetStream knows, after `$JS.API.`; `S` stands for a stream and `C` for a consumer of it. */
export const API_REQUESTS = [
  'INFO',
  'ACCOUNT.PURGE.ALARM_BUS',
  'ACCOUNT.STREAM.CANCEL.ALARM_BUS.S',
  'ACCOUNT.STREAM.MOVE.ALARM_BUS.S',
  'CONSUMER.CREATE.S',
  'CONSUMER.CREATE.S.C',
  'CONSUMER.DELETE.S.C',
  'CONSUMER.DURABLE.CREATE.S.C',
  'CONSUMER.INFO.S.C',
  'CONSUMER.LEADER.STEPDOWN.S.C',
  'CONSUMER.LIST.S',
  'CONSUMER.MSG.NEXT.S.C',
  'CONSUMER.NAMES.S',
  'CONSUMER.PAUSE.S.C',
  'CONSUMER.PEER.EVACUATE.S.C',
  'CONSUMER.PEER.REMOVE.S.C',
  'CONSUMER.RESET.S.C',
  'CONSUMER.UNPIN.S.C',
  'DIRECT.GET.S',
  'META.LEADER.STEPDOWN',
  'META.RESCUE',
  'SERVER.EVACUATE',
  'SERVER.REMOVE',
  'STREAM.CANCEL.S',
  'STREAM.CREATE.S',
  'STREAM.CREATE.OTHER',
  'STREAM.DELETE.S',
  'STREAM.INFO.S',
  'STREAM.LEADER.STEPDOWN.S',
  'STREAM.LIST',
  'STREAM.MSG.DELETE.S',
  'STREAM.MSG.GET.S',
  'STREAM.NAMES',
  'STREAM.PEER.EVACUATE.S',
  'STREAM.PEER.REMOVE.S',
  'STREAM.PURGE.S',
  'STREAM.RESTORE.S',
  'STREAM.SNAPSHOT.S',
  'STREAM.UPDATE.S',
] as const

/** Bytes that some request of the API takes, or that a reader would take for its own. */
export const CHOSEN = ['', '{}', '{"keep":0}', '{"seq":1}', '{"name":"OTHER","subjects":["other"]}', 'done']

const streamOfConsumer = (app: App) => consumersOf(app).map(({ durable, stream }) => ({ durable, stream }))

/** Where an answer would do harm: each request of the API, and every subject that is another app's or nobody's. */
export function targetsOf(app: App, apps: readonly App[]): readonly string[] {
  const others = apps.filter((one) => one !== app)
  const consumers = others.flatMap(streamOfConsumer)
  const requests = API_REQUESTS.flatMap((request) => {
    if (/\bC\b/.test(request))
      return consumers.map(({ durable, stream }) => request.replace(/\bS\b/, stream).replace(/\bC\b/, durable))
    return STREAM_NAMES.map((stream) => request.replace(/\bS\b/, stream))
  })
  const own = new Set(app.publishes.map(({ subject }) => subject))
  return [
    ...new Set(requests.map((request) => `$JS.API.${request}`)),
    ...contracts.channels.flatMap(({ subject }) => (own.has(subject) ? [] : [subject, `core.${subject}`])),
    ...consumers.flatMap(({ durable, stream }) => [
      `dead-letter.${stream}.${durable}.7.7`,
      `dead-letter-share.${stream}.${durable}`,
      `redrive.${stream}.${durable}.7.7.1`,
      `$KV.${stream}_ONCE.${durable}.7`,
      `$JS.ACK.${stream}.${durable}.1.1.1.1.0`,
    ]),
    ...(app.idempotency ? [] : contracts.streams.map(({ name }) => `idempotency.${name}.forged`)),
    ...others.map(({ name }) => `_INBOX_${name}.forged`),
    ...contracts.requests.flatMap(({ subject }) => (app.asks.some((one) => one.subject === subject) ? [] : [subject])),
    '_R_.forged',
    'migrating.OTHER',
    '$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.BASQUIAT_STREAM.forged',
    '$SYS.REQ.SERVER.PING',
    '$SYS.REQ.SERVER.PING.STATSZ',
  ]
}

export interface Request {
  readonly subject: string
  readonly body: string
}

/** What the app may ask, with a word in place of each wildcard, once a kind: instances of it differ by their name alone. */
export function requestsOf(app: App): readonly Request[] {
  const subjects = appPermissions(app, contracts)
    .publish.flatMap((group) => group.subjects)
    .filter((subject) => !/_\d[._]|_\d$/.test(subject.replaceAll('BASQUIAT_STREAM', '')))
  return subjects.flatMap((pattern) => {
    const subject = pattern.replace(/\.>$/, '.1.1.1.1.0').replaceAll('*', '1')
    if (subject.includes('.MSG.NEXT.'))
      return ['{"batch":1,"no_wait":true}', '{"batch":5,"expires":5000000}'].map((body) => ({ subject, body }))
    if (subject.startsWith('$JS.ACK.'))
      return ['+ACK', '+NXT {"batch":1,"no_wait":true}', '-NAK'].map((body) => ({ subject, body }))
    // Its own consumers are for it to make, and no attack.
    if (subject.includes('.CREATE.')) return ['', '{}'].map((body) => ({ subject, body }))
    return CHOSEN.map((body) => ({ subject, body }))
  })
}

/** Bytes that the app stored where it may, asked for again: the answer to a lookup is what was stored. */
export function storedAnswers(app: App): readonly { readonly store: Request; readonly lookup: Request }[] {
  const granted = appPermissions(app, contracts).publish.flatMap((group) => group.subjects)
  const lookups = granted.filter((subject) => subject.startsWith('$JS.API.DIRECT.GET.') && !/_\d\./.test(subject))
  return lookups.flatMap((pattern) =>
    CHOSEN.map((body, i) => {
      const [, stream, rest] = /^\$JS\.API\.DIRECT\.GET\.([^.]+)(?:\.(.+))?$/.exec(pattern) as unknown as [
        string,
        string,
        string | undefined,
      ]
      // Of a stream that it may read whole: what it stores is named in the request.
      const stored = rest ?? `schedule.${stream.replace('_SCHEDULES_', '.')}.stored.1.*`
      const subject = stored.replace(/\.[*>]$/, `.stored${i}`)
      return {
        store: { subject, body },
        lookup:
          rest === undefined
            ? { subject: pattern, body: JSON.stringify({ last_by_subj: subject }) }
            : { subject: `$JS.API.DIRECT.GET.${stream}.${subject}`, body: '' },
      }
    }),
  )
}

/** Headers by which a message makes the server publish, remove or schedule something else. */
export function headersOf(targets: readonly string[]): readonly MsgHdrs[] {
  const made = (lines: Readonly<Record<string, string>>): MsgHdrs => {
    const set = headers()
    for (const [name, value] of Object.entries(lines)) set.set(name, value)
    return set
  }
  return [
    made({ 'Nats-Rollup': 'all' }),
    made({ 'Nats-Purge': '0' }),
    made({ 'KV-Operation': 'PURGE', 'Nats-Rollup': 'all' }),
    ...targets.flatMap((target) => [
      made({ 'Nats-Trace-Dest': target }),
      made({ 'Nats-Schedule': '@at 2020-01-01T00:00:00Z', 'Nats-Schedule-Target': target }),
    ]),
  ]
}

const AT_ONCE = 500

/** Sends all, in pieces that the server's queue of requests takes. @returns how many. */
export async function attack(client: NatsConnection, app: App, targets: readonly string[]): Promise<number> {
  let sent = 0
  const send = async (subject: string, body: string, options: { reply?: string; headers?: MsgHdrs }): Promise<void> => {
    client.publish(subject, body, options)
    if (++sent % AT_ONCE === 0) await settled(client)
  }
  for (const { store, lookup } of storedAnswers(app)) {
    await send(store.subject, store.body, {})
    await settled(client)
    for (const reply of targets) await send(lookup.subject, lookup.body, { reply })
  }
  for (const { subject, body } of requestsOf(app)) for (const reply of targets) await send(subject, body, { reply })
  const stored = requestsOf(app).filter(({ subject, body }) => !subject.startsWith('$JS.') && body === 'done')
  for (const { subject, body } of stored)
    for (const set of headersOf(targets)) await send(subject, body, { headers: set })
  await settled(client)
  return sent
}

/** The server has answered what was sent: it answers in order. */
async function settled(client: NatsConnection): Promise<void> {
  await client.flush()
  // A stream of the app's own, or none: an answer comes in any case, after those to what was asked before.
  await client.request(`$JS.API.STREAM.INFO.${STREAM_NAMES[0]}`, '', { timeout: 10_000 }).catch(() => undefined)
}
