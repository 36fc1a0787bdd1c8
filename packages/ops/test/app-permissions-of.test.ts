import { alarmDelivery, alarmLogged, alarmToBot, alarmToLog, contracts, defineApp } from '@alarm-bus/contracts'
import { expect, test } from 'vitest'
import { readApps } from '../src/apps/read-apps.ts'
import { appPermissions } from '../src/permissions/app-permissions.ts'
import { renderAccounts } from '../src/permissions/render-accounts.ts'
import { mayDo } from './neighbours.ts'

const apps = await readApps()
const declare = { name: 'new-app', owner: 'team', description: 'Does something.' }
const subjectsOf = (app: Parameters<typeof appPermissions>[0]): readonly string[] =>
  appPermissions(app, contracts).publish.flatMap(({ subjects }) => subjects)

/** Whether a permission grants a literal subject. */
function grants(permission: string, subject: string): boolean {
  const pattern = permission
    .split('.')
    .map((token) => (token === '*' ? '[^.]+' : token === '>' ? '.+' : token.replaceAll(/\W/g, '\\$&')))
    .join('\\.')
  return new RegExp(`^${pattern}$`).test(subject)
}

const everything = [
  ...apps,
  defineApp({ ...declare, publishes: [alarmToLog], watchesBus: true }),
  defineApp({ ...declare, publishes: [alarmToLog], handles: [alarmToBot], onceOnly: true, fanOutInstances: 5 }),
]

test.each(everything.map((app) => ({ name: app.name, app })))(
  '$name is granted what it needs and no more',
  ({ app }) => {
    const needed = mayDo(app).flatMap((attempt) => ('publish' in attempt ? [attempt.publish] : []))
    const granted = subjectsOf(app)
    expect(new Set(granted).size).toBe(granted.length)
    expect(needed.filter((subject) => !granted.some((permission) => grants(permission, subject)))).toEqual([])
    expect(granted.filter((permission) => !needed.some((subject) => grants(permission, subject)))).toEqual([])
    const answered = app.answers.flatMap(({ subject, stored }) => (stored ? [] : [`${subject} ${app.name}`]))
    expect(appPermissions(app, contracts).subscribe).toEqual([`_INBOX_${app.name}.>`, ...answered])
  },
)

test('instances, ids and streams follow the declaration', () => {
  const handles = defineApp({ ...declare, handles: [alarmToBot], fanOutInstances: 0 })
  expect(subjectsOf(handles).join('\n')).not.toMatch(/alarm-to-bot_\d|idempotency|IDEMPOTENCY|alarm-to-log/)
  const publishes = defineApp({ ...declare, publishes: [alarmToLog] })
  expect(subjectsOf(publishes)).toEqual(['alarm.to.log', 'core.alarm.to.log', '$JS.API.STREAM.INFO.BASQUIAT_STREAM'])
})

test('what people write in a declaration stays a comment', () => {
  const app = defineApp({ ...declare, description: 'One.\n} # "two"', owner: 'a\nteam', handles: [alarmToBot] })
  const permissions = [appPermissions(app, contracts)]
  const comment = '# new-app: One. } # "two" Owner: a team.\n'
  expect(renderAccounts(permissions)['nats.accounts.conf']).toContain(`${comment}ALARM_BUS_NEW_APP {\n`)
  expect(renderAccounts(permissions, { oneAccount: true })['nats.permissions.conf']).toContain(`${comment}  {\n`)
})

test('of a bus one app watches', () => {
  const both = ['one', 'two'].map((name) =>
    appPermissions(defineApp({ ...declare, name, handles: [alarmToBot], watchesBus: true }), contracts),
  )
  expect(() => renderAccounts(both)).toThrow('one and two declare watchesBus')
})

test('no app takes the place of another user', () => {
  const app = defineApp({ ...declare, name: 'admin', handles: [alarmToBot] })
  for (const oneAccount of [false, true])
    expect(() => renderAccounts([appPermissions(app, contracts)], { oneAccount })).toThrow(
      'no app can be called "admin"',
    )
})

test('a request goes to the one app that answers it, and an app that may only ask or answer has nothing else', () => {
  const asker = defineApp({ ...declare, name: 'asker', asks: [alarmLogged] })
  const answerer = defineApp({ ...declare, name: 'answerer', answers: [alarmLogged, alarmDelivery] })
  expect(subjectsOf(asker)).toEqual([alarmLogged.subject])
  expect(subjectsOf(answerer)).toEqual([])
  const accounts = renderAccounts([asker, answerer].map((app) => appPermissions(app, contracts)))['nats.accounts.conf']
  expect(accounts).toContain(`{ service: "${alarmLogged.subject}", accounts: [ALARM_BUS_ASKER] }`)
  expect(accounts).toContain(`{ service: { account: ALARM_BUS_ANSWERER, subject: "${alarmLogged.subject}" } }`)
  // Without accounts it would be exported to everybody.
  expect(accounts).not.toContain(`{ service: "${alarmDelivery.subject}"`)
  expect(accounts.match(/allow_responses/g)).toHaveLength(1)
})

test('a request that no app answers, or two do, is refused by its name', () => {
  const asker = defineApp({ ...declare, name: 'asker', asks: [alarmLogged] })
  const one = defineApp({ ...declare, name: 'one', answers: [alarmLogged] })
  const two = defineApp({ ...declare, name: 'two', answers: [alarmLogged] })
  for (const oneAccount of [false, true]) {
    const render = (...apps: readonly ReturnType<typeof defineApp>[]) =>
      renderAccounts(
        apps.map((app) => appPermissions(app, contracts)),
        { oneAccount },
      )
    expect(() => render(asker)).toThrow('asker asks request "alarm-logged", which no app answers')
    expect(() => render(asker, one, two)).toThrow('request "alarm-logged" is answered by one and two')
  }
})
