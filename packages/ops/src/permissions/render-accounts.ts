import { inboxPrefixOf } from '@alarm-bus/nats-kit/admin'
import { answererOf, assertAnswered } from './answerers.ts'
import type { AppPermissions } from './app-permissions.ts'
import { assertNoCycle, heardBy, heardFrom } from './hearers.ts'
import { appUser, groupLines, indented, operatorUsers, type UserKind, whose } from './users.ts'

/** The files that nats.setup.conf includes, by their names. */
export type BrokerFiles = Readonly<Record<'nats.permissions.conf' | 'nats.accounts.conf', string>>

export interface RenderOptions {
  readonly kind?: UserKind
  /** All users in the bus's account: faster, for teams that trust all their apps. */
  readonly oneAccount?: boolean
}

export const BUS = 'ALARM_BUS'
/** A subject without a listener. */
export const NOBODY = 'alarm-bus.nobody'
/** In the words of an account's claims. */
export const LIMITS = {
  /**
   * Of one app, all its instances together. Each connection may have `max_pending` (nats.setup.conf) wait in the broker's
   * memory, so their number bounds what an app can take of that.
   */
  app: { conn: 64, subs: 5_000, payload: 256 * 1_024 },
  /** As nats.setup.conf has them, for a broker in operator mode. */
  bus: { conn: 500, subs: 10_000, payload: 256 * 1_024 },
  jetStream: { streams: 16, consumer: 100, max_bytes_required: true },
}
const APP_LIMITS = `limits { max_connections: ${LIMITS.app.conn}, max_subscriptions: ${LIMITS.app.subs}, max_payload: ${LIMITS.app.payload / 1_024}KB }`

const MADE = '# Made by `pnpm ops permissions`; do not edit. nats.setup.conf includes it.\n#\n'
const DECLARED = `
# What an app may do follows from what it declares (apps/<name>/src/declaration.ts); \`pnpm check\` fails while this file
# says anything else. nats.setup.conf says what the lines are for.
`

/**
 * Who may do what on the broker. The same declarations give the same text, byte for byte.
 *
 * Each app has an account, which imports the subjects that it may ask for and nothing else. The broker answers a request
 * in the account that it came from, so no app can name a subject of the bus as the place of an answer.
 *
 * What one app asks another goes from account to account: the broker gives the answer a new subject, so neither of them
 * learns a subject of the other's.
 *
 * @throws Error for an app that is called like another user of the broker, and for a request that is not answered by
 * exactly one app, for two apps that each publish and hear a channel, for two that schedule one, and for a second one that
 * watches the bus.
 */
export function renderAccounts(permissions: readonly AppPermissions[], options: RenderOptions = {}): BrokerFiles {
  const { kind = 'password', oneAccount = false } = options
  assertAnswered(permissions)
  const watching = permissions.filter(({ app }) => app.watchesBus).map(({ app }) => app.name)
  if (watching.length > 1)
    throw new Error(
      `one app may watch the bus, since its readers share a cursor; ${watching.join(' and ')} declare watchesBus`,
    )
  assertOneScheduler(permissions)
  if (oneAccount) {
    const users = permissions.flatMap((one) => [whose(one), ...appUser(one, kind)])
    return {
      'nats.permissions.conf': text([
        `${MADE}# The users of the account ${BUS}.${DECLARED}`,
        ...list('users', [...users, ...operatorUsers(kind)]),
      ]),
      'nats.accounts.conf': text([`${MADE}# No app has an account of its own.\n`]),
    }
  }
  assertNoCycle(permissions)
  return {
    'nats.permissions.conf': text([
      `${MADE}# What is in the account ${BUS}: the users that are no app's, and what it hands to which app.${DECLARED}`,
      ...list('users', operatorUsers(kind)),
      '',
      ...list('exports', exportsOf(permissions)),
    ]),
    'nats.accounts.conf': text([
      `${MADE}# The accounts of the apps.${DECLARED}`,
      ...permissions.flatMap((one, i) => [...(i === 0 ? [] : ['']), whose(one), ...accountOf(one, permissions, kind)]),
    ]),
  }
}

/** Who may store schedules in a stream may end and replace every one that it holds: no permission sees those headers. */
function assertOneScheduler(permissions: readonly AppPermissions[]): void {
  const byChannel = new Map<string, string>()
  for (const { app } of permissions) {
    for (const { name } of app.schedules) {
      const other = byChannel.get(name)
      if (other !== undefined)
        throw new Error(
          `one app may schedule a channel, since it could end the schedules of another; ${other} and ${app.name} declare that they schedule ${JSON.stringify(name)}`,
        )
      byChannel.set(name, app.name)
    }
  }
}

/** Whom each subject is handed to. */
function exportsOf(permissions: readonly AppPermissions[]): readonly string[] {
  const askedBy = new Map<string, Set<string>>()
  for (const { app, publish } of permissions) {
    for (const subject of publish.flatMap(({ subjects, request }) => (request === undefined ? subjects : []))) {
      askedBy.set(subject, (askedBy.get(subject) ?? new Set()).add(accountName(app.name)))
    }
  }
  return [
    exported(
      'service',
      NOBODY,
      permissions.map(({ app }) => accountName(app.name)),
    ),
    ...[...askedBy].map(([subject, accounts]) => exported('service', subject, [...accounts])),
    ...permissions
      .filter(isDelivered)
      .map(({ app }) => exported('stream', deliveriesOf(app.name), [accountName(app.name)])),
  ]
}

function exported(what: 'service' | 'stream', subject: string, accounts: readonly string[]): string {
  const responses = isAnsweredByMany(subject) ? 'response_type: stream, ' : ''
  return `{ ${what}: ${JSON.stringify(subject)}, ${responses}accounts: [${accounts.join(', ')}] }`
}

/** A pull request and a batched direct get are answered by as many messages as they ask for. */
export function isAnsweredByMany(subject: string): boolean {
  return subject.startsWith('$JS.API.CONSUMER.MSG.NEXT.') || /^\$JS\.API\.DIRECT\.GET\.[^.]+$/.test(subject)
}

function accountOf(one: AppPermissions, all: readonly AppPermissions[], kind: UserKind): readonly string[] {
  const { app, publish } = one
  const imported = (what: 'service' | 'stream', subject: string, account = BUS): string =>
    `{ ${what}: { account: ${account}, subject: ${JSON.stringify(subject)} } }`
  const answers = app.answers.flatMap(({ name, subject }) => {
    const askers = all.filter((other) => other.app.asks.some((asked) => asked.name === name))
    // An export that names no account is everybody's.
    if (askers.length === 0) return []
    const accounts = askers.map((asker) => accountName(asker.app.name))
    return [exported('service', subject, accounts)]
  })
  const said = heardFrom(app, all).map(({ subject, apps }) => exported('stream', subject, apps.map(accountName)))
  const heard = heardBy(app, all).flatMap(({ subject, apps }) =>
    apps.map((other) => imported('stream', subject, accountName(other))),
  )
  return [
    `${accountName(app.name)} {`,
    `  ${APP_LIMITS}`,
    ...indented(2, list('users', appUser(one, kind))),
    ...(answers.length + said.length === 0
      ? []
      : indented(
          2,
          list('exports', [
            ...(answers.length === 0 ? [] : ['# What it answers, and to whom.', ...answers]),
            ...(said.length === 0 ? [] : ['# What it publishes at most once, and who hears it.', ...said]),
          ]),
        )),
    ...indented(
      2,
      list('imports', [
        '# This account has no JetStream. Without an import of this name the server would answer each request with that.',
        `{ service: { account: ${BUS}, subject: ${JSON.stringify(NOBODY)} }, to: "$JS.API.INFO" }`,
        ...groupLines(publish, (subject, { request }) =>
          imported('service', subject, request === undefined ? BUS : accountName(answererOf(all, request).name)),
        ),
        ...(isDelivered(one)
          ? ['# What its push consumers are delivered.', imported('stream', deliveriesOf(app.name))]
          : []),
        ...(heard.length === 0 ? [] : ['# What it hears at most once.', ...heard]),
      ]),
    ),
    '}',
  ]
}

export function isDelivered({ app }: AppPermissions): boolean {
  return app.handles.length > 0
}

/** Where the broker sends what a push consumer of the app is delivered. */
function deliveriesOf(app: string): string {
  return `${inboxPrefixOf({ name: app })}.>`
}

/** `ALARM_BUS_LOG_CONSUMER`. */
export function accountName(app: string): string {
  return `${BUS}_${app.toUpperCase().replaceAll('-', '_')}`
}

function list(name: string, lines: readonly string[]): readonly string[] {
  return [`${name} = [`, ...indented(2, lines), ']']
}

function text(lines: readonly string[]): string {
  return `${lines.join('\n')}\n`
}
