import { expect, test } from 'vitest'
import { appFiles } from '../src/app-files.ts'
import { channelFiles } from '../src/channel-files.ts'
import { afterLast, inPlaceOf } from '../src/insert.ts'
import { camelCase, pascalCase } from '../src/names.ts'

test('names of values and types', () => {
  expect([camelCase('order-placed'), camelCase('web-2-shop3')]).toEqual(['orderPlaced', 'web2Shop3'])
  expect([pascalCase('order-placed'), pascalCase('x')]).toEqual(['OrderPlaced', 'X'])
})

test('a file in which a place is missing is named, and nothing is changed', () => {
  expect(afterLast('f', 'a=1\nb=2\nc', /^[ab]=/, 'new')).toBe('a=1\nb=2\nnew\nc')
  expect(() => afterLast('.env.example', 'c', /^[ab]=/, 'new')).toThrow('.env.example: no line matches ^[ab]=')
  expect(inPlaceOf('f', 'x y x', /x/, (found) => `${found}!`)).toBe('x! y x')
  expect(() => inPlaceOf('knip.json', 'y', /x/, String)).toThrow('knip.json: nothing matches x; change it by hand')
})

test('an app gets a port, a password and a container of its own; what others have stays', () => {
  const files = appFiles({ name: 'web-2', description: 'Says "hello".' }, 3_456)
  const text = (file: string): string => files.get(file) ?? ''
  expect(text('.env.example')).toMatch(/^NATS_WEB_2_PASSWORD=dev-only-web-2$/m)
  expect(text('.env.example')).toMatch(/^LOG_CONSUMER_PORT=3002\n(.*\n)*WEB_2_PORT=3456$/m)
  // The broker and the app, of a file of this machine.
  expect(text('docker-compose.yml').match(/NATS_WEB_2_PASSWORD_FILE: /g)).toHaveLength(2)
  expect(text('docker-compose.yml').match(/- NATS_WEB_2_PASSWORD$/gm)).toHaveLength(1)
  expect(text('docker-compose.yml')).toContain('secrets: [ca.pem, NATS_WEB_2_PASSWORD]')
  for (const file of ['docker-compose.yml', 'docker-compose.cluster.yml'])
    expect(text(file)).toContain('  NATS_WEB_2_PASSWORD: { file: ./.secrets/NATS_WEB_2_PASSWORD }')
  expect(text('docker-compose.yml')).toContain('- "127.0.0.1:${WEB_2_PORT:-3456}:3456"')
  expect(text('docker-compose.cluster.yml')).toContain('extends: { file: docker-compose.yml, service: web-2 }')
  expect(text('apps/web-2/Dockerfile')).toContain('EXPOSE 3456')
  expect(text('apps/web-2/Dockerfile')).not.toMatch(/alarm-consumer|ALARM_CONSUMER|3001/)
  expect(JSON.parse(text('apps/web-2/package.json'))).toMatchObject({ name: 'web-2', description: 'Says "hello".' })
  expect(JSON.parse(text('knip.json')).workspaces['packages/e2e'].ignoreDependencies).toEqual(
    expect.arrayContaining(['alarm-consumer', 'web-2']),
  )
})

test('a channel is added to its stream, the contracts and what they export', () => {
  const channel = { name: 'web-2', subject: 'web.2', stream: 'BASQUIAT_STREAM', owner: 'o', description: 'd.' }
  const files = channelFiles(channel)
  expect(files.get('packages/contracts/src/contracts.ts')).toMatch(/channels: \[.*alarmToLog, .*web2\]/)
  expect(files.get('packages/contracts/src/streams.ts')).toMatch(
    /BASQUIAT_STREAM[^]*channels: \[.*alarmToLog, .*web2\]/,
  )
  expect(files.get('packages/contracts/src/index.ts')).toContain("export { web2 } from './web-2.ts'")
  expect(files.get('packages/contracts/src/streams.ts')).toContain("import { web2 } from './web-2.ts'")
})
