import { MAX_REQUEST_TIMEOUT_MS } from '@alarm-bus/contracts'
import { answeredAtOnce, type AppPermissions, type SubjectGroup } from './app-permissions.ts'
import { nkeyVariable, passwordVariable } from './user-variables.ts'

/** How the users prove who they are: with passwords, or with nkeys, of which the broker has the public half alone. */
export type UserKind = 'password' | 'nkey'

/** For people and jobs: what they may do is written by hand, in a file of their own. */
export const OPERATORS = ['admin', 'migrator']
/** Users of the broker that are no app's. */
const TAKEN = [...OPERATORS, 'sys']

/** One answer to each request that it is delivered, for as long as anybody may wait for one. */
const ALLOWED_ANSWERS = `    allow_responses: { max: 1, expires: "${MAX_REQUEST_TIMEOUT_MS / 1_000}s" }`

/**
 * An app's user, with what it may do.
 *
 * @throws Error for an app that is called like another user of the broker.
 */
export function appUser({ app, publish, subscribe }: AppPermissions, kind: UserKind): readonly string[] {
  if (TAKEN.includes(app.name))
    throw new Error(`no app can be called ${JSON.stringify(app.name)}: the broker has a user of that name`)
  return [
    '{',
    ...credentials(app.name, kind),
    '  permissions {',
    ...indented(4, publishing(publish)),
    `    subscribe: { allow: [${subscribe.map((subject) => JSON.stringify(subject)).join(', ')}] }`,
    ...(answeredAtOnce(app).length === 0 ? [] : [ALLOWED_ANSWERS]),
    '  }',
    '}',
  ]
}

/** An empty list of what is allowed would allow everything. */
function publishing(publish: readonly SubjectGroup[]): readonly string[] {
  if (publish.length === 0) return ['publish: { deny: [">"] }']
  const lines = groupLines(publish, (subject) => JSON.stringify(subject))
  return ['publish: { allow: [', ...indented(2, lines), '] }']
}

export function operatorUsers(kind: UserKind): readonly string[] {
  return OPERATORS.flatMap((name) => [
    '# For people and jobs, not for an app.',
    '{',
    ...credentials(name, kind),
    `  include "nats.${name}.conf"`,
    '}',
  ])
}

/** A line for each subject, and before those that belong together what they are for. */
export function groupLines(
  groups: readonly SubjectGroup[],
  render: (subject: string, group: SubjectGroup) => string,
): readonly string[] {
  return groups.flatMap((group) => [
    `# ${oneLine(group.what)}`,
    ...group.subjects.map((subject) => render(subject, group)),
  ])
}

/** What people wrote in a declaration, as a comment. */
export function whose({ app }: AppPermissions): string {
  return `# ${app.name}: ${oneLine(app.description)} Owner: ${oneLine(app.owner)}.`
}

export function indented(columns: number, lines: readonly string[]): readonly string[] {
  return lines.map((line) => `${' '.repeat(columns)}${line}`)
}

function credentials(user: string, kind: UserKind): readonly string[] {
  if (kind === 'nkey') return [`  nkey: $${nkeyVariable(user)}`]
  return [`  user: ${user}`, `  password: $${passwordVariable(user)}`]
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim()
}
