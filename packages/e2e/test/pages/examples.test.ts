import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { basquiatStream } from '@alarm-bus/contracts'
import { connect, ensureStreams } from '@alarm-bus/nats-kit'
import { startTestBroker } from '@alarm-bus/nats-kit/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { repository, run } from '../harness.ts'
import { type Block, PAGES, programOf, typescriptBlocks, untranslated } from './blocks.ts'
import { endAll, examples, notRunHere } from './examples.ts'
import { logger, setServer } from './surroundings.ts'

const PACKAGE = `${repository}packages/e2e`

/** What the blocks use without an import, as a reader's own code. */
const SURROUNDINGS = [
  'insertAll',
  'handled',
  'logger',
  'post',
  'server',
  'ship',
  'tellSlowly',
  'tellTheBot',
  'writeDown',
]

const isRun = ({ name }: Block): boolean => !(name in notRunHere)
const ofReadme = typescriptBlocks('README').filter(isRun)
const ofPages = PAGES.flatMap((page) => typescriptBlocks(page)).filter(isRun)

/** The blocks in their order, each followed by its check; only the broker's address is another. */
function withChecks(blocks: readonly Block[]): string {
  const pieces = blocks.map(({ name, code }) => {
    const names = examples[name as keyof typeof examples].names.join(', ')
    return `${code.replaceAll("'nats://127.0.0.1:4222'", 'server')}await examples['${name}'].check({ ${names} })\n`
  })
  return programOf([
    `import { ${SURROUNDINGS.join(', ')} } from '../../test/pages/surroundings.ts'\n`,
    "import { examples } from '../../test/pages/examples.ts'\n",
    ...pieces,
  ])
}

let folder: string
beforeAll(() => {
  mkdirSync(`${PACKAGE}/.vitest`, { recursive: true })
  folder = mkdtempSync(`${PACKAGE}/.vitest/pages-`)
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('every block has a check, and every check its block', () => {
  const all = ['README', ...PAGES].flatMap((page) => typescriptBlocks(page)).map(({ name }) => name)
  expect(all.toSorted()).toEqual([...Object.keys(examples), ...Object.keys(notRunHere)].toSorted())
})

test.each(['README', ...PAGES])('%s has the same code in Korean', (page) => {
  const [english, korean] = (['en', 'ko'] as const).map((language) =>
    typescriptBlocks(page, language).map(({ code }) => untranslated(code)),
  )
  expect(korean).toEqual(english)
})

test('the blocks are programs without a type error', async () => {
  writeFileSync(join(folder, 'readme.ts'), withChecks(ofReadme))
  writeFileSync(join(folder, 'pages.ts'), withChecks(ofPages))
  writeFileSync(join(folder, 'tsconfig.json'), '{ "extends": "../../../../tsconfig.base.json", "include": ["*.ts"] }')
  const tsc = run([`${PACKAGE}/node_modules/.bin/tsc`, '-p', folder])
  expect({ ...(await tsc.exited), said: tsc.output() }).toEqual({ code: 0, signal: null, said: '' })
})

test('the example of README runs on a broker that has nothing', async () => {
  await using broker = await startTestBroker()
  setServer(broker.url)
  await runProgram('readme.ts', ofReadme)
})

test('the blocks of the pages run, and do what is written beside them', async () => {
  await using broker = await startTestBroker()
  setServer(broker.url)
  const admin = await connect({ servers: [broker.url], name: 'admin' }, { logger })
  await ensureStreams(admin, [basquiatStream], { mode: 'apply' })
  await admin.close(2_000)
  await runProgram('pages.ts', ofPages)
})

async function runProgram(file: string, blocks: readonly Block[]): Promise<void> {
  const program = join(folder, file)
  writeFileSync(program, withChecks(blocks))
  try {
    await import(/* @vite-ignore */ program)
  } finally {
    await endAll()
  }
}
