import { inboxPrefixOf } from '@alarm-bus/nats-kit/admin'
import type { AppPermissions } from './app-permissions.ts'
import { appUser, groupLines, indented, operatorUsers, type UserKind, whose } from './users.ts'

/** The files that nats.setup.conf includes, by their names. */
export type BrokerFiles = Readonly<Record<'nats.permissions.conf' | 'nats.accounts.conf', string>>

export interface RenderOptions {
  readonly kind?: UserKind
  /** All users in the bus's account: faster, for teams that trust all their apps. */
  readonly oneAccount?: boolean
}

const BUS = 'ALARM_BUS'
/** Nobody hears it. */
const NOBODY = 'alarm-bus.nobody'
/**
 * Of one app, all its instances together. Each connection may have `max_pending` (nats.setup.conf) wait in the broker's
 * memory, so their number bounds what an app can take of that.
 */
const LIMITS = 'limits { max_connections: 64, max_subscriptions: 5000, max_payload: 256KB }'

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
 * @throws Error for an app that is called like another user of the broker.
 */
export function renderAccounts(permissions: readonly AppPermissions[], options: RenderOptions = {}): BrokerFiles {
  const { kind = 'password', oneAccount = false } = options
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
  return {
    'nats.permissions.conf': text([
      `${MADE}# What is in the account ${BUS}: the users that are no app's, and what it hands to which app.${DECLARED}`,
      ...list('users', operatorUsers(kind)),
      '',
      ...list('exports', exportsOf(permissions)),
    ]),
    'nats.accounts.conf': text([
      `${MADE}# The accounts of the apps.${DECLARED}`,
      ...permissions.flatMap((one, i) => [...(i === 0 ? [] : ['']), whose(one), ...accountOf(one, kind)]),
    ]),
  }
}

/** Whom each subject is handed to. */
function exportsOf(permissions: readonly AppPermissions[]): readonly string[] {
  const askedBy = new Map<string, Set<string>>()
  for (const { app, publish } of permissions) {
    for (const subject of publish.flatMap(({ subjects }) => subjects)) {
      askedBy.set(subject, (askedBy.get(subject) ?? new Set()).add(nameOf(app.name)))
    }
  }
  return [
    exported(
      'service',
      NOBODY,
      permissions.map(({ app }) => nameOf(app.name)),
    ),
    ...[...askedBy].map(([subject, accounts]) => exported('service', subject, [...accounts])),
    ...permissions.filter(isDelivered).map(({ app }) => exported('stream', deliveriesOf(app.name), [nameOf(app.name)])),
  ]
}

function exported(what: 'service' | 'stream', subject: string, accounts: readonly string[]): string {
  // A pull request is answered by as many messages as it asks for.
  const responses = subject.startsWith('$JS.API.CONSUMER.MSG.NEXT.') ? 'response_type: stream, ' : ''
  return `{ ${what}: ${JSON.stringify(subject)}, ${responses}accounts: [${accounts.join(', ')}] }`
}

function accountOf(one: AppPermissions, kind: UserKind): readonly string[] {
  const { app, publish } = one
  const imported = (what: 'service' | 'stream', subject: string): string =>
    `{ ${what}: { account: ${BUS}, subject: ${JSON.stringify(subject)} } }`
  return [
    `${nameOf(app.name)} {`,
    `  ${LIMITS}`,
    ...indented(2, list('users', appUser(one, kind))),
    ...indented(
      2,
      list('imports', [
        '# This account has no JetStream. Without an import of this name the server would answer each request with that.',
        `{ service: { account: ${BUS}, subject: ${JSON.stringify(NOBODY)} }, to: "$JS.API.INFO" }`,
        ...groupLines(publish, (subject) => imported('service', subject)),
        ...(isDelivered(one)
          ? ['# What its push consumers are delivered.', imported('stream', deliveriesOf(app.name))]
          : []),
      ]),
    ),
    '}',
  ]
}

function isDelivered({ app }: AppPermissions): boolean {
  return app.handles.length > 0
}

/** Where the broker sends what a push consumer of the app is delivered. */
function deliveriesOf(app: string): string {
  return `${inboxPrefixOf({ name: app })}.>`
}

/** `ALARM_BUS_LOG_CONSUMER`. */
function nameOf(app: string): string {
  return `${BUS}_${app.toUpperCase().replaceAll('-', '_')}`
}

function list(name: string, lines: readonly string[]): readonly string[] {
  return [`${name} = [`, ...indented(2, lines), ']']
}

function text(lines: readonly string[]): string {
  return `${lines.join('\n')}\n`
}
