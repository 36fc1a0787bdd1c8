import { appVariable } from '@alarm-bus/contracts'
import { afterLast, inPlaceOf } from './insert.ts'
import { appNames, read } from './repository.ts'

export interface NewApp {
  readonly name: string
  readonly description: string
}

/** An app that there is: what is no code of its own, a new app has alike. */
const LIKE = 'alarm-consumer'
const ALIKE = ['Dockerfile', 'tsconfig.json', 'tsconfig.build.json', 'vitest.config.ts']

/** Every file beside the app's own sources, with its new text; nothing is written yet. */
export function appFiles(app: NewApp, port = nextPort()): ReadonlyMap<string, string> {
  const { name } = app
  const changed = (file: string, change: (text: string) => string): [string, string] => [file, change(read(file))]
  return new Map([
    ...ALIKE.map((file): [string, string] => [`apps/${name}/${file}`, alike(read(`apps/${LIKE}/${file}`), name, port)]),
    [`apps/${name}/package.json`, manifest(app)],
    [`.changeset/new-app-${name}.md`, `---\n'${name}': minor\n---\n\nA new app. ${app.description}\n`],
    changed('.env.example', (text) => withVariables(text, name, port)),
    changed('docker-compose.yml', (text) => withService(text, name, port)),
    changed('docker-compose.cluster.yml', (text) => withClusterService(text, name)),
    changed('observability/prometheus.yml', (text) => withTarget(text, name, port)),
    // The tests of it all together start every app, so they run again when this one changes.
    changed('packages/e2e/package.json', (text) => withDependency(text, name)),
    changed('knip.json', (text) => withTestedApp(text, name)),
  ])
}

/** The port after the highest that an app has. */
export function nextPort(): number {
  return Math.max(...appNames().map((name) => portOf(name))) + 1
}

function portOf(name: string): number {
  const variable = appVariable(name, 'PORT')
  const found = new RegExp(`^${variable}=(\\d+)$`, 'm').exec(read('.env.example'))?.[1]
  if (found === undefined) throw new Error(`.env.example: ${variable}= is missing`)
  return Number(found)
}

function alike(text: string, name: string, port: number): string {
  return text
    .replaceAll(LIKE, name)
    .replaceAll(appVariable(LIKE, ''), appVariable(name, ''))
    .replaceAll(String(portOf(LIKE)), String(port))
}

function manifest({ name, description }: NewApp): string {
  const { dependencies, ...like } = JSON.parse(read(`apps/${LIKE}/package.json`)) as Record<string, unknown>
  const ours = Object.entries(dependencies as Record<string, string>).filter(([one]) => one.startsWith('@alarm-bus/'))
  return json({ ...like, name, version: '0.0.0', description, dependencies: Object.fromEntries(ours) })
}

function password(name: string): string {
  return `NATS_${appVariable(name, 'PASSWORD')}`
}

function withVariables(text: string, name: string, port: number): string {
  const lines = (variable: (app: string) => string): RegExp => new RegExp(`^(${appNames().map(variable).join('|')})=`)
  const file = '.env.example'
  const withPassword = afterLast(file, text, lines(password), `${password(name)}=dev-only-${name}`)
  const portVariable = (app: string): string => appVariable(app, 'PORT')
  return afterLast(file, withPassword, lines(portVariable), `${portVariable(name)}=${port}`)
}

function withService(text: string, name: string, port: number): string {
  const file = 'docker-compose.yml'
  const own = password(name)
  const ownFile = `      ${own}_FILE: /run/secrets/${own}\n`
  // The first of each is the broker's.
  const given = inPlaceOf(file, text, /^ {6}NATS_ADMIN_PASSWORD_FILE: /m, (found) => `${ownFile}${found}`)
  const known = inPlaceOf(file, given, /^ {6}- NATS_ADMIN_PASSWORD$/m, (found) => `      - ${own}\n${found}`)
  const service = `  ${name}:
    <<: *app
    build:
      context: .
      dockerfile: apps/${name}/Dockerfile
    image: alarm-bus-${name}:local
    environment:
      <<: *app-environment
${ownFile}    secrets: [ca.pem, ${own}]
    ports:
      - "127.0.0.1:\${${appVariable(name, 'PORT')}:-${port}}:${port}"

`
  const withIt = inPlaceOf(file, known, /^# Who reaches whom:/m, (found) => `${service}${found}`)
  return withSecret(file, withIt, own)
}

function withSecret(file: string, text: string, secret: string): string {
  const line = `  ${secret}: { file: ./.secrets/${secret} }\n`
  return inPlaceOf(file, text, /^ {2}NATS_ADMIN_PASSWORD: /m, (found) => `${line}${found}`)
}

function withClusterService(text: string, name: string): string {
  const file = 'docker-compose.cluster.yml'
  const service = `  ${name}:
    extends: { file: docker-compose.yml, service: ${name} }
    environment: *servers
    depends_on: !override
      <<: *app-depends

`
  const withIt = inPlaceOf(file, text, /^networks:$/m, (found) => `${service}${found}`)
  return withSecret(file, withIt, password(name))
}

function withTarget(text: string, name: string, port: number): string {
  return inPlaceOf('observability/prometheus.yml', text, /targets: \[.*(?=\])/, (found) => `${found}, ${name}:${port}`)
}

function withDependency(text: string, name: string): string {
  const manifest = JSON.parse(text) as { devDependencies: Record<string, string> }
  const entries = Object.entries({ ...manifest.devDependencies, [name]: 'workspace:*' })
  manifest.devDependencies = Object.fromEntries(entries.toSorted(([a], [b]) => (a < b ? -1 : 1)))
  return json(manifest)
}

function withTestedApp(text: string, name: string): string {
  const list = /("packages\/e2e": \{[^}]*"ignoreDependencies": \[)([^\]]*)/
  return inPlaceOf('knip.json', text, list, (found) => {
    const [, before = '', names = ''] = list.exec(found) ?? []
    return before + [...names.split(', '), JSON.stringify(name)].toSorted().join(', ')
  })
}

function json(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`
}
