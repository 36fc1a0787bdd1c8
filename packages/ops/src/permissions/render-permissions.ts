import type { AppPermissions } from './app-permissions.ts'
import { nkeyVariable, passwordVariable } from './user-variables.ts'

/** How the users prove who they are: with passwords, or with nkeys, of which the broker has the public half alone. */
export type UserKind = 'password' | 'nkey'

/** For people and jobs: what they may do is written by hand, in a file of their own. */
const OPERATORS = ['admin', 'migrator']
/** Users of the broker that are no app's. */
const TAKEN = [...OPERATORS, 'sys']

const HEAD = `# Made by \`pnpm ops permissions\`; do not edit. nats.setup.conf includes it.
#
# The users of the account ALARM_BUS. What an app may do follows from what it declares (apps/<name>/src/declaration.ts);
# \`pnpm check\` fails while this file says anything else. nats.setup.conf says what the lines are for.
`

/**
 * The file with the users that nats.setup.conf includes. The same declarations give the same text, byte for byte.
 *
 * @throws Error for an app that is called like another user of the broker.
 */
export function renderPermissions(permissions: readonly AppPermissions[], kind: UserKind = 'password'): string {
  const users = permissions.map((one) => {
    const { name } = one.app
    if (TAKEN.includes(name))
      throw new Error(`no app can be called ${JSON.stringify(name)}: the broker has a user of that name`)
    return appUser(one, kind)
  })
  return `${HEAD}\nusers = [\n${[...users, ...OPERATORS.map((name) => operatorUser(name, kind))].join('\n')}]\n`
}

function appUser({ app, publish, subscribe }: AppPermissions, kind: UserKind): string {
  return block(2, [
    `# ${app.name}: ${oneLine(app.description)} Owner: ${oneLine(app.owner)}.`,
    '{',
    ...credentials(app.name, kind),
    '  permissions {',
    '    publish: { allow: [',
    ...publish.flatMap(({ what, subjects }) => [
      `      # ${oneLine(what)}`,
      ...subjects.map((subject) => `      ${JSON.stringify(subject)}`),
    ]),
    '    ] }',
    `    subscribe: { allow: [${subscribe.map((subject) => JSON.stringify(subject)).join(', ')}] }`,
    '  }',
    '}',
  ])
}

function operatorUser(name: string, kind: UserKind): string {
  return block(2, [
    '# For people and jobs, not for an app.',
    '{',
    ...credentials(name, kind),
    `  include "nats.${name}.conf"`,
    '}',
  ])
}

function credentials(user: string, kind: UserKind): readonly string[] {
  if (kind === 'nkey') return [`  nkey: $${nkeyVariable(user)}`]
  return [`  user: ${user}`, `  password: $${passwordVariable(user)}`]
}

function block(indent: number, lines: readonly string[]): string {
  return lines.map((line) => `${' '.repeat(indent)}${line}\n`).join('')
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim()
}
