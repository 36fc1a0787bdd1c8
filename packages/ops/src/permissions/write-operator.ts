import { UsageError } from '@alarm-bus/command-line'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createAccount, createOperator, createUser, fromSeed, type KeyPair } from '@nats-io/nkeys'
import { REPOSITORY } from '../apps/read-apps.ts'
import type { Output } from '../output.ts'
import { writePrivate } from '../private-file.ts'
import type { AppPermissions } from './app-permissions.ts'
import { operatorClaims, type UserRights } from './operator-claims.ts'
import { OPERATORS } from './users.ts'

const MAKERS = { operator: createOperator, account: createAccount, user: createUser }
const ACCOUNTS =
  '# ---------------------------------------------------------------------------------------------- accounts and users\n'

/**
 * Writes what a broker in operator mode needs: its configuration, the keys that sign, and each user's credentials. Keys
 * that are there are kept, so that it is run again after a change of what an app declares.
 */
export async function writeOperator(
  permissions: readonly AppPermissions[],
  out: string,
  output: Output,
): Promise<void> {
  const [keys, creds] = [join(out, 'keys'), join(out, 'creds')]
  for (const folder of [out, keys, creds]) mkdirSync(folder, { recursive: true, mode: 0o700 })
  const operators = Object.fromEntries(OPERATORS.map((name) => [name, rightsOf(name)]))
  const found = new Map<string, KeyPair>()
  const claims = await operatorClaims(permissions, operators, (kind, name) => {
    const key = found.get(`${kind} ${name}`) ?? keyIn(keys, kind, name)
    found.set(`${kind} ${name}`, key)
    return key
  })
  for (const [user, text] of claims.creds) writePrivate(join(creds, `${user}.creds`), new TextDecoder().decode(text))
  const preload = [...claims.accounts].map(([key, jwt]) => `  ${key}: ${jwt}`)
  const section = [
    ACCOUNTS,
    '# Made by `pnpm ops permissions --jwt`; do not edit. Who may do what stands in the claims: the same exports, imports and',
    '# users as in nats.permissions.conf and nats.accounts.conf. SIGHUP reloads them.',
    `operator: ${claims.operator}`,
    `system_account: ${claims.systemAccount}`,
    'resolver: MEMORY',
    'resolver_preload {',
    ...preload,
    '}\n\n',
  ].join('\n')
  const conf = join(out, 'nats.setup.conf')
  writeFileSync(conf, withoutAccounts(readFileSync(join(REPOSITORY, 'nats.setup.conf'), 'utf8'), section))
  output.log(`${conf} written: ${claims.accounts.size} accounts; credentials in ${creds}, keys that sign in ${keys}`)
}

/** What admin and migrator may do, as their files of the broker's configuration say it. */
function rightsOf(name: string): UserRights {
  const file = `nats.${name}.conf`
  const text = readFileSync(join(REPOSITORY, file), 'utf8').replaceAll(/#.*$/gm, '')
  const list = (what: string): readonly string[] => {
    const found = new RegExp(`${what}: \\{ allow: \\[([^\\]]*)\\] \\}`).exec(text)?.[1]
    if (found === undefined) throw new UsageError(`${file} has no ${what}: { allow: [ … ] }`)
    return [...found.matchAll(/"([^"]+)"/g)].map(([, subject]) => subject as string)
  }
  return { publish: list('publish'), subscribe: list('subscribe') }
}

function withoutAccounts(text: string, section: string): string {
  const from = text.indexOf(ACCOUNTS)
  const to = text.indexOf('\n# -----', from + ACCOUNTS.length)
  if (from < 0 || to < 0)
    throw new UsageError('nats.setup.conf has no section "accounts and users" with another one behind')
  return text.slice(0, from) + section + text.slice(to + 1)
}

/** The key of that name, made where there is none. */
function keyIn(folder: string, kind: keyof typeof MAKERS, name: string): KeyPair {
  const file = join(folder, `${kind}-${name}.nk`)
  if (!existsSync(file)) writePrivate(file, `${new TextDecoder().decode(MAKERS[kind]().getSeed())}\n`)
  const pair = fromSeed(new TextEncoder().encode(readFileSync(file, 'utf8').trim()))
  // The library derives both from the seed whenever it is asked, which takes longer than a signature.
  const [publicKey, privateKey] = [pair.getPublicKey(), pair.getPrivateKey()]
  const known = { getPublicKey: () => publicKey, getPrivateKey: () => privateKey }
  return Object.assign(Object.create(pair) as KeyPair, known)
}
