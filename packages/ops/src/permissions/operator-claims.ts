import { MAX_REQUEST_TIMEOUT_MS } from '@alarm-bus/contracts'
import {
  type Account,
  encodeAccount,
  encodeActivation,
  encodeOperator,
  encodeUser,
  fmtCreds,
  type User,
} from '@nats-io/jwt'
import type { KeyPair } from '@nats-io/nkeys'
import { covers, inboxPrefixOf } from '@alarm-bus/nats-kit/admin'
import { answererOf, assertAnswered } from './answerers.ts'
import { answeredAtOnce, type AppPermissions } from './app-permissions.ts'
import { assertNoCycle, heardBy, heardFrom } from './hearers.ts'
import { accountName, BUS, isDelivered, LIMITS, NOBODY, isAnsweredByMany } from './render-accounts.ts'

/** What a user may publish and subscribe to. */
export interface UserRights {
  readonly publish: readonly string[]
  readonly subscribe: readonly string[]
}

export interface OperatorClaims {
  readonly operator: string
  readonly systemAccount: string
  /** Each account's claims by its public key. */
  readonly accounts: ReadonlyMap<string, string>
  /** Each user's credentials file. */
  readonly creds: ReadonlyMap<string, Uint8Array>
}

/** As `allow_responses` of a configuration has it; nanoseconds. */
const ANSWERS = { max: 1, ttl: MAX_REQUEST_TIMEOUT_MS * 1_000_000 }
const UNLIMITED = { subs: -1, data: -1, payload: -1, imports: -1, exports: -1, wildcards: true, conn: -1, leaf: 0 }

/**
 * The same accounts, exports, imports and users as `renderAccounts` writes them, as claims for a broker in operator mode.
 * What the bus's account exports needs an activation that is made out to the importing account: without it any account of the
 * operator's could import it.
 *
 * @param keyOf the key of the operator, an account or a user; the same one for the same name.
 * @param operators admin and migrator, as their files say.
 */
export async function operatorClaims(
  permissions: readonly AppPermissions[],
  operators: Readonly<Record<string, UserRights>>,
  keyOf: (kind: 'operator' | 'account' | 'user', name: string) => KeyPair,
): Promise<OperatorClaims> {
  assertAnswered(permissions)
  assertNoCycle(permissions)
  const operator = keyOf('operator', BUS)
  const system = keyOf('account', 'SYS')
  const accounts = new Map<string, string>()
  const creds = new Map<string, Uint8Array>()
  const addAccount = async (name: string, claims: Partial<Account>): Promise<void> => {
    const key = keyOf('account', name)
    accounts.set(key.getPublicKey(), await encodeAccount(name, key, claims, { signer: operator }))
  }
  const addUser = async (account: string, name: string, rights: Partial<User>): Promise<void> => {
    const key = keyOf('user', name)
    creds.set(name, fmtCreds(await encodeUser(name, key, keyOf('account', account), rights), key))
  }

  await addAccount('SYS', { limits: UNLIMITED })
  await addUser('SYS', 'sys', {})
  const services = widest([...new Set(permissions.flatMap(askedOfBus))])
  const deliveries = permissions.filter(isDelivered).map(({ app }) => deliveriesOf(app.name))
  await addAccount(BUS, {
    limits: { ...UNLIMITED, ...LIMITS.bus, mem_storage: -1, disk_storage: -1, ...LIMITS.jetStream },
    exports: [
      ...[NOBODY, ...services].map((subject) => exported(subject, 'service')),
      ...deliveries.map((subject) => exported(subject, 'stream')),
    ],
  })
  for (const [name, rights] of Object.entries(operators)) await addUser(BUS, name, permissionsOf(rights))
  for (const one of permissions) {
    const { app, publish, subscribe } = one
    const account = accountName(app.name)
    const imported = async (subject: string, type: 'service' | 'stream', from = BUS, local?: string) => ({
      name: subject,
      subject,
      type,
      account: keyOf('account', from).getPublicKey(),
      token: await encodeActivation(subject, keyOf('account', account), keyOf('account', from), type, { subject }),
      ...(local !== undefined && { local_subject: local }),
    })
    const requests = publish.flatMap(({ subjects, request }) =>
      request === undefined
        ? []
        : subjects.map((subject) => ({ subject, from: answererOf(permissions, request).name })),
    )
    await addAccount(account, {
      limits: { ...UNLIMITED, ...LIMITS.app },
      // Not the user's: what a client presents when it connects has to fit into a line of the protocol, max_control_line.
      default_permissions: {
        ...permissionsOf({ publish: [...new Set(publish.flatMap(({ subjects }) => subjects))], subscribe }),
        ...(answeredAtOnce(app).length > 0 && { resp: ANSWERS }),
      },
      exports: [
        ...answeredAtOnce(app).map(({ subject }) => exported(subject, 'service')),
        ...heardFrom(app, permissions).map(({ subject }) => exported(subject, 'stream')),
      ],
      imports: [
        await imported(NOBODY, 'service', BUS, '$JS.API.INFO'),
        ...(await Promise.all(askedOfBus(one).map((subject) => imported(subject, 'service')))),
        ...(await Promise.all(requests.map(({ subject, from }) => imported(subject, 'service', accountName(from))))),
        ...(await Promise.all(
          heardBy(app, permissions).flatMap(({ subject, apps }) =>
            apps.map((other) => imported(subject, 'stream', accountName(other))),
          ),
        )),
        ...(isDelivered(one) ? [await imported(deliveriesOf(app.name), 'stream')] : []),
      ],
    })
    await addUser(account, app.name, {})
  }
  const name = 'alarm-bus'
  const claims = { system_account: system.getPublicKey() }
  return {
    operator: await encodeOperator(name, operator, claims),
    systemAccount: claims.system_account,
    accounts,
    creds,
  }
}

/** Claims with two exports of which one covers the other are refused; an app's activation holds it to its own part. */
function widest(subjects: readonly string[]): readonly string[] {
  return subjects.filter((subject) => !subjects.some((other) => other !== subject && covers(other, subject)))
}

function askedOfBus({ publish }: AppPermissions): readonly string[] {
  return [...new Set(publish.flatMap(({ subjects, request }) => (request === undefined ? subjects : [])))]
}

function exported(subject: string, type: 'service' | 'stream') {
  const responses = isAnsweredByMany(subject) ? { response_type: 'Stream' as const } : {}
  return { name: subject, subject, type, token_req: true, ...responses }
}

function permissionsOf({ publish, subscribe }: UserRights) {
  return { pub: { allow: [...publish] }, sub: { allow: [...subscribe] } }
}

function deliveriesOf(app: string): string {
  return `${inboxPrefixOf({ name: app })}.>`
}
