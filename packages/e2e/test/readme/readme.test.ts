import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { basquiatStream } from '@alarm-bus/contracts'
import { connect, ensureStreams } from '@alarm-bus/nats-kit'
import { startTestBroker } from '@alarm-bus/nats-kit/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { repository, run } from '../harness.ts'
import { typescriptBlocks, untranslated } from './blocks.ts'
import { endAll, examples } from './examples.ts'
import { logger, setServer } from './surroundings.ts'

const blocks = typescriptBlocks('README.md')
const PACKAGE = `${repository}packages/e2e`

/** What the blocks use without an import, as a reader's own code. */
const SURROUNDINGS = ['handled', 'insertAll', 'logger', 'post', 'server', 'tellSlowly', 'tellTheBot', 'writeDown']

/** All blocks in their order as one program, each followed by its check; only the broker's address is another. */
function programOf(): string {
  const pieces = blocks.map(({ name, code }) => {
    const names = examples[name as keyof typeof examples].names.join(', ')
    return `${code.replaceAll("'nats://127.0.0.1:4222'", 'server')}await examples['${name}'].check({ ${names} })\n`
  })
  return [
    `import { ${SURROUNDINGS.join(', ')} } from '../../test/readme/surroundings.ts'`,
    "import { examples } from '../../test/readme/examples.ts'",
    ...pieces,
  ].join('\n')
}

let folder: string
beforeAll(() => {
  mkdirSync(`${PACKAGE}/.vitest`, { recursive: true })
  folder = mkdtempSync(`${PACKAGE}/.vitest/readme-`)
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('every block has a check, and every check its block', () => {
  expect(blocks.map(({ name }) => name)).toEqual(Object.keys(examples))
})

test('the Korean README has the same code', () => {
  const korean = typescriptBlocks('README.ko.md').map(({ code }) => untranslated(code))
  expect(korean).toEqual(blocks.map(({ code }) => untranslated(code)))
})

test('the blocks are a program without a type error', async () => {
  writeFileSync(join(folder, 'program.ts'), programOf())
  writeFileSync(
    join(folder, 'tsconfig.json'),
    '{ "extends": "../../../../tsconfig.base.json", "include": ["program.ts"] }',
  )
  const tsc = run([`${PACKAGE}/node_modules/.bin/tsc`, '-p', folder])
  expect({ ...(await tsc.exited), said: tsc.output() }).toEqual({ code: 0, signal: null, said: '' })
})

test('the blocks run, and do what is written beside them', async () => {
  await using broker = await startTestBroker()
  setServer(broker.url)
  const admin = await connect({ servers: [broker.url], name: 'admin' }, { logger })
  await ensureStreams(admin, [basquiatStream], { mode: 'apply' })
  await admin.close(2_000)
  const program = join(folder, 'program.ts')
  writeFileSync(program, programOf())
  try {
    await import(/* @vite-ignore */ program)
  } finally {
    await endAll()
  }
})
