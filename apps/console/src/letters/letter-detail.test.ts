import { defineChannel, defineContracts, defineRequest, defineStream } from '@alarm-bus/contracts'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { bodyOf } from './letter-detail.ts'

const login = z.object({ user: z.string().max(40), code: z.string().max(40).meta({ sensitive: true }) })
const loggedIn = defineChannel({ name: 'logged-in', subject: 'logged.in', description: 'A login.', schema: login })
const checkLogin = defineRequest({
  name: 'check-login',
  subject: 'ask.login',
  description: 'Checks a login.',
  owner: 'team',
  stored: true,
  request: login,
  response: z.object({ ok: z.boolean() }),
})
const stream = defineStream({
  name: 'LOGINS',
  description: 'Logins.',
  channels: [loggedIn],
  requests: [checkLogin],
  maxAgeMs: 86_400_000,
  maxMessages: 1_000,
  maxBytes: 1_048_576,
})
const contracts = defineContracts({ channels: [loggedIn], streams: [stream], requests: [checkLogin] })
const json = Buffer.from('{"user":"ada","code":"4711"}')

test.each(['logged-in', 'check-login', 'gone-since'])(
  'a letter of %s shows no sensitive value unless asked',
  (channel) => {
    for (const data of [json, Buffer.from('code=4711'), Buffer.from([0xff, 0x34, 0x37, 0x31, 0x31])]) {
      const shown = bodyOf(data, channel, contracts, false)
      expect(JSON.stringify(shown)).not.toContain('4711')
      expect(Buffer.from(shown.text ?? '', 'base64').toString('latin1')).not.toContain('4711')
    }
    expect(bodyOf(json, channel, contracts, true).text).toContain('4711')
  },
)

test('what is not sensitive is shown', () => {
  expect(bodyOf(json, 'check-login', contracts, false)).toMatchObject({ hidden: ['/code'], isJson: true })
  expect(bodyOf(json, 'check-login', contracts, false).text).toContain('"user": "ada"')
})
