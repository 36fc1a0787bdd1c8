import { type App, type Channel, contracts, type RequestContract, type Stream } from '@alarm-bus/contracts'
import { type Attempt, consumerPowers, consumerSubjects, handling, STREAM_NAMES, STREAM_POWERS } from './permissions.ts'

const streamOf = (channel: Channel): string => contracts.streamOf(channel).name
const publishes = (subjects: readonly string[]): readonly Attempt[] => subjects.map((publish) => ({ publish }))
const subscribes = (subjects: readonly string[]): readonly Attempt[] => subjects.map((subscribe) => ({ subscribe }))

const answers = (name: string, requests: readonly RequestContract[]): readonly Attempt[] =>
  requests.flatMap(({ subject, stored }) => (stored ? [] : [{ subscribe: subject, queue: name }]))

/** A request in its stream, and a look at its answer; of another app as well, for who may not. */
const asks = (name: string, requests: readonly RequestContract[]): readonly Attempt[] =>
  requests.flatMap(({ name: request, subject, stored }) => {
    if (!stored) return publishes([subject])
    const stream = streamOf(stored.channel)
    return publishes([
      `${subject}.${name}`,
      `$JS.API.DIRECT.GET.${stream}_ANSWERS.answer.${stream}.${request}.${name}.abc`,
    ])
  })

/** An answer that is stored, for whichever app asked, and a look at it. */
const storedAnswers = (requests: readonly RequestContract[]): readonly Attempt[] =>
  requests.flatMap(({ name: request, stored }) => {
    if (!stored) return []
    const stream = streamOf(stored.channel)
    const answer = `answer.${stream}.${request}.anyone.abc`
    return publishes([answer, `$JS.API.DIRECT.GET.${stream}_ANSWERS.${answer}`])
  })

/** Every consumer that an app may have: the shared one of each channel that it handles, and one for each instance. */
export function consumersOf({ name, handles, fanOutInstances }: App) {
  const endings = ['', ...Array.from({ length: fanOutInstances }, (_, instance) => `_${instance}`)]
  return handles.flatMap(({ channel, ofRequest = false }) =>
    (ofRequest ? [''] : endings).map((ending) => ({
      durable: `${name}_${channel.name}${ending}`,
      channel,
      stream: streamOf(channel),
    })),
  )
}

/** All that an app may do, spelled from what it declares, one attempt for each line of its permissions. */
export function mayDo(app: App): readonly Attempt[] {
  const handled = app.handles.map(({ channel }) => channel)
  const asked = app.asks.flatMap(({ stored }) => (stored ? [stored.channel] : []))
  const streams = [...new Set([...app.publishes, ...handled, ...app.reads, ...asked].map(streamOf))]
  const readsFrom = new Set(handled.map(streamOf))
  const watched = app.watchesBus ? contracts.streams.map(({ name }) => name) : []
  const claimsFor = app.idempotency ? [...new Set(app.publishes.map(streamOf))] : []
  return [
    ...publishes(app.publishes.flatMap(({ subject }) => [subject, `core.${subject}`])),
    ...publishes(
      claimsFor.flatMap((stream) => [
        `idempotency.${stream}.abc`,
        `$JS.API.DIRECT.GET.${stream}_IDEMPOTENCY.idempotency.${stream}.abc`,
      ]),
    ),
    ...app.schedules.flatMap((channel) => scheduleAttempts(app.name, channel)),
    ...consumersOf(app).flatMap(({ durable, stream }) => [
      ...consumerSubjects(durable, stream),
      ...noteAttempts(durable, stream),
      ...(app.onceOnly ? onceAttempts(durable, stream) : []),
    ]),
    ...publishes(
      [
        // Not those that hold a subject for each message: a look at all of these holds up the requests of every app.
        ...(app.operatesBus
          ? STREAM_NAMES
          : [
              ...new Set([...streams, ...watched]),
              ...[...new Set([...readsFrom, ...watched])].map((stream) => `${stream}_REDRIVE`),
            ]),
      ].map((stream) => `$JS.API.STREAM.INFO.${stream}`),
    ),
    ...(app.operatesBus ? contracts.streams.flatMap(operateAttempts) : []),
    ...(app.watchesBus ? contracts.streams.flatMap(({ name }) => watchAttempts(app.name, name)) : []),
    ...publishes(
      [...new Set(app.reads.map(streamOf))].flatMap((stream) => [
        `$JS.API.DIRECT.GET.${stream}`,
        `$JS.API.STREAM.MSG.GET.${stream}`,
      ]),
    ),
    ...asks(app.name, app.asks),
    ...storedAnswers(app.answers),
    ...subscribes([`_INBOX_${app.name}.>`, ...app.hears.map(({ subject }) => `core.${subject}`)]),
    ...answers(app.name, app.answers),
  ]
}

/** What waits of a channel, and what is due of it. */
export function scheduleAttempts(app: string, channel: Channel): readonly Attempt[] {
  const schedules = `${streamOf(channel)}_SCHEDULES_${channel.name}`
  return publishes([
    `schedule.${streamOf(channel)}.${channel.name}.id.generation.0`,
    `$JS.API.DIRECT.GET.${schedules}`,
    `$JS.API.STREAM.MSG.GET.${schedules}`,
    ...handling(schedules, `${app}_${channel.name}_due`),
  ])
}

/** What is due is the server's to say, and a consumer of it the administrator's; a channel that is not scheduled has neither. */
function pastSchedules(apps: readonly App[]): readonly Attempt[] {
  return contracts.channels.flatMap((channel) => {
    const stream = streamOf(channel)
    const schedules = `${stream}_SCHEDULES_${channel.name}`
    return [
      ...apps.flatMap(({ name }) => [
        ...scheduleAttempts(name, channel),
        ...consumerPowers(`${name}_${channel.name}_due`, schedules, `schedule-due.${stream}.${channel.name}.*.*`),
        ...publishes([`$JS.API.CONSUMER.RESET.${schedules}.${name}_${channel.name}_due`]),
      ]),
      ...publishes([
        `schedule-due.${stream}.${channel.name}.id.generation`,
        `schedule.${stream}.${channel.name}.id`,
        `schedule.${stream}.${channel.name}.id.generation.0.more`,
        `$JS.API.STREAM.PURGE.${schedules}`,
        `$JS.API.DIRECT.GET.${schedules}.schedule.${stream}.${channel.name}.id.generation.0`,
      ]),
    ]
  })
}

/** Headers of dead letters by a cursor that is there, how consumers stand, its own records. */
export function watchAttempts(app: string, stream: string): readonly Attempt[] {
  const record = `$KV.${stream}_ONCE.${app}_watch.position`
  return publishes([
    ...[`${stream}_DLQ`, `${stream}_DLQ_SHARES`].flatMap((letters) => [
      `$JS.API.CONSUMER.INFO.${letters}.dead-letter-watch`,
      `$JS.API.CONSUMER.MSG.NEXT.${letters}.dead-letter-watch`,
      `$JS.API.CONSUMER.RESET.${letters}.dead-letter-watch`,
    ]),
    `$JS.API.CONSUMER.LIST.${stream}`,
    `$JS.API.CONSUMER.LIST.${stream}_REDRIVE`,
    record,
    `$JS.API.DIRECT.GET.KV_${stream}_ONCE.${record}`,
  ])
}

/** How consumers stand, and dead letters read, removed and sent again to whichever consumer failed. */
function operateAttempts({ name: stream, scheduled }: Stream): readonly Attempt[] {
  return publishes([
    // What waits is shown; it is scheduled and cancelled by its app alone.
    ...scheduled.map((channel) => `$JS.API.DIRECT.GET.${stream}_SCHEDULES_${channel.name}`),
    `$JS.API.CONSUMER.LIST.${stream}`,
    `$JS.API.CONSUMER.LIST.${stream}_REDRIVE`,
    ...[`${stream}_DLQ`, `${stream}_DLQ_SHARES`].flatMap((letters) => [
      `$JS.API.STREAM.MSG.GET.${letters}`,
      `$JS.API.STREAM.MSG.DELETE.${letters}`,
    ]),
    `redrive.${stream}.any-app_any-channel.17.1700000000000000000.1`,
  ])
}

/** What an app through which people operate the bus may send to whichever consumer there is. */
function isOperating({ operatesBus }: App, attempt: Attempt): boolean {
  return operatesBus && 'publish' in attempt && /^redrive\.[^.]+\../.test(attempt.publish)
}

/** What would show the bodies of dead letters, or end the watch: whoever makes the streams makes the cursor. */
function pastTheWatch(stream: string): readonly string[] {
  return [
    `$JS.API.CONSUMER.CREATE.${stream}_DLQ.dead-letter-watch`,
    `$JS.API.CONSUMER.CREATE.${stream}_DLQ.dead-letter-watch.dead-letter.${stream}.*.*.*`,
    `$JS.API.CONSUMER.DURABLE.CREATE.${stream}_DLQ.dead-letter-watch`,
    `$JS.API.CONSUMER.DELETE.${stream}_DLQ.dead-letter-watch`,
    `$JS.API.CONSUMER.PAUSE.${stream}_DLQ.dead-letter-watch`,
    `$JS.ACK.${stream}_DLQ.dead-letter-watch.1.1.1.1.0`,
    `$JS.API.CONSUMER.LIST.${stream}_DLQ`,
    `$JS.API.CONSUMER.NAMES.${stream}_DLQ`,
  ]
}

export function onceAttempts(durable: string, stream: string): readonly Attempt[] {
  const record = `$KV.${stream}_ONCE.${durable}.17.1700000000000`
  return publishes([record, `$JS.API.DIRECT.GET.KV_${stream}_ONCE.${record}`])
}

/** What is noted of a consumer, and of the one beside it. */
export function noteAttempts(durable: string, stream: string): readonly Attempt[] {
  const records = [durable, `${durable}_redrive`].map((name) => `$KV.${stream}_ONCE.${name}.notes`)
  return publishes(records.flatMap((record) => [record, `$JS.API.DIRECT.GET.KV_${stream}_ONCE.${record}`]))
}

/** All that is next to what an app may do: what others may, what is beyond its own, what nobody may. */
export function mayNotDo(app: App, all: readonly App[]): readonly Attempt[] {
  const others = all.filter(({ name }) => name !== app.name)
  const own = new Set(mayDo(app).map((attempt) => JSON.stringify(attempt)))
  const attempts = [
    ...others.flatMap(mayDo),
    ...contracts.channels.flatMap(({ subject }) => publishes([subject, `core.${subject}`])),
    ...all
      .flatMap(consumersOf)
      .flatMap(({ durable, stream, channel }) => consumerPowers(durable, stream, channel.subject)),
    ...all
      .flatMap(consumersOf)
      .flatMap(({ durable, stream }) => [...onceAttempts(durable, stream), ...noteAttempts(durable, stream)]),
    ...beyond(app),
    ...pastSchedules(all),
    ...STREAM_POWERS,
    ...publishes(STREAM_NAMES.map((stream) => `$JS.API.STREAM.INFO.${stream}`)),
    ...publishes(STREAM_NAMES.map((stream) => `$JS.API.DIRECT.GET.${stream}`)),
    ...contracts.streams.flatMap(({ name }) => publishes(pastStream(name, [app, ...others]))),
    ...contracts.streams.flatMap(({ name }) => publishes(pastTheWatch(name))),
    ...contracts.streams.flatMap(({ name }) => all.flatMap((one) => watchAttempts(one.name, name))),
    ...publishes(['INFO', 'STREAM.LIST', 'STREAM.NAMES', 'STREAM.INFO.ANOTHER'].map((verb) => `$JS.API.${verb}`)),
    ...publishes(['$SYS.REQ.SERVER.PING', '$SYS.REQ.ACCOUNT.ALARM_BUS.INFO', 'alarm.to.nobody']),
    // What is delivered to an app comes from the server alone.
    ...publishes([`_INBOX_${app.name}.x`, ...others.map(({ name }) => `_INBOX_${name}.push.x`), '_INBOX_admin.x']),
    ...subscribes(['>', '*.>', '*.pull.>', '_INBOX.>', '_INBOX_admin.>', '_INBOX_sys.>', `_INBOX_${app.name}`]),
    ...subscribes(contracts.channels.flatMap(({ subject }) => [subject, `core.${subject}`])),
    // Requests: another's, its own by another group's name or by none, and the answers to them, which nobody asked it for.
    ...all.flatMap(({ name }) => asks(name, contracts.requests)),
    ...storedAnswers(contracts.requests),
    ...publishes(contracts.requests.flatMap(({ subject }) => [subject, `${subject}.nobody`])),
    ...subscribes(contracts.requests.flatMap(({ subject }) => [subject, `${subject}.*`])),
    ...subscribes(['answer.>']),
    ...[...all.map(({ name }) => name), 'others'].flatMap((name) => answers(name, contracts.requests)),
    ...publishes(['_R_.abcdef', '_R_.abcdef.ghijkl']),
    ...subscribes(['_R_.>', 'ask.>']),
    ...subscribes(['schedule.>', 'schedule-due.>']),
    ...subscribes(['core.>', 'dead-letter.>', 'dead-letter-share.>', 'redrive.>', 'idempotency.>', '$KV.>']),
    ...subscribes(['$JS.EVENT.ADVISORY.>', '$JS.ACK.>', '$JS.API.>', '$SYS.>']),
  ]
  const distinct = new Map(attempts.map((attempt) => [JSON.stringify(attempt), attempt]))
  return [...distinct].flatMap(([key, attempt]) =>
    own.has(key) || isOperating(app, attempt) || isOwnAnswer(app, attempt) ? [] : [attempt],
  )
}

/** An answer to a request that the app answers, whoever asked it. */
function isOwnAnswer({ answers: own }: App, attempt: Attempt): boolean {
  return 'publish' in attempt && own.some(({ name }) => /answer\.[^.]+\.([^.]+)\./.exec(attempt.publish)?.[1] === name)
}

/** Its own consumers, of an instance or a channel that it does not declare, or held to more than its channel. */
function beyond(app: App): readonly Attempt[] {
  const handled = new Set(app.handles.map(({ channel }) => channel.name))
  const unhandled = contracts.channels.filter(({ name }) => !handled.has(name))
  return [
    ...app.handles.flatMap(({ channel }) =>
      consumerSubjects(`${app.name}_${channel.name}_${app.fanOutInstances}`, streamOf(channel)),
    ),
    ...unhandled.flatMap((channel) => consumerSubjects(`${app.name}_${channel.name}`, streamOf(channel))),
    ...consumersOf(app).flatMap(({ durable, channel, stream }) => {
      const create = '$JS.API.CONSUMER.CREATE'
      const filters = ['>', ...contracts.channels.filter((one) => one !== channel).map(({ subject }) => subject)]
      return publishes([
        ...filters.map((filter) => `${create}.${stream}.${durable}.${filter}`),
        // A consumer of another name, on the same channel.
        `${create}.${stream}.${durable}_recover.${channel.subject}`,
        `${create}.${stream}_REDRIVE.${durable}_redrive.>`,
        `${create}.${stream}_REDRIVE.${durable}_redrive.redrive.${stream}.another-app_${channel.name}.>`,
        // Its own name in another stream.
        `${create}.${stream}_DLQ.${durable}.dead-letter.>`,
        `${create}.${stream}_DLQ_SHARES.${durable}.dead-letter-share.>`,
        `${create}.${stream}_IDEMPOTENCY.${durable}.idempotency.>`,
      ])
    }),
  ]
}

/** What companions hold that is not the app's to put or read: redriving is the admin's, also to the app's own consumers. */
function pastStream(stream: string, apps: readonly App[]): readonly string[] {
  return [
    `idempotency.${stream}.abc`,
    `$JS.API.DIRECT.GET.${stream}_IDEMPOTENCY.idempotency.${stream}.abc`,
    `dead-letter.${stream}.another-app_channel.1.1`,
    `dead-letter-share.${stream}.another-app_channel`,
    ...apps.flatMap((app) => consumersOf(app)).map(({ durable }) => `redrive.${stream}.${durable}.1.1.1`),
  ]
}
