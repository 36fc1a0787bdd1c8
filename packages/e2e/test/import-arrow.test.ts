import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { findArrowFaults, importsOf } from '../src/import-arrow.ts'
import { repository } from './harness.ts'

let copy: string

/** A copy of the sources, in which a test may break what it likes. */
beforeEach(() => {
  copy = mkdtempSync(join(tmpdir(), 'alarm-bus-arrow-'))
  for (const folder of ['apps', 'packages', 'benchmarks']) {
    cpSync(join(repository, folder), join(copy, folder), { recursive: true, filter: isSource })
  }
})

afterEach(() => rmSync(copy, { recursive: true, force: true }))

function isSource(path: string): boolean {
  return !/[\\/](node_modules|dist|\.turbo|\.vitest)$/.test(path)
}

function add(path: string, text: string): void {
  writeFileSync(join(copy, path), text)
}

test('the repository itself is in order', () => {
  expect(findArrowFaults(copy)).toEqual([])
})

test('an import that points back is found', () => {
  add('packages/nats-kit/src/zz.ts', "import { runService } from '@alarm-bus/service'\n")
  expect(findArrowFaults(copy)).toEqual([
    'packages/nats-kit/src/zz.ts imports @alarm-bus/service, which its package.json does not name',
  ])
})

test('a dependency that points back is found, also where nothing imports it', () => {
  add(
    'packages/contracts/package.json',
    JSON.stringify({
      name: '@alarm-bus/contracts',
      dependencies: { '@alarm-bus/nats-kit': '*', zod: '*' },
      devDependencies: { vitest: '*' },
    }),
  )
  expect(findArrowFaults(copy)).toEqual(['@alarm-bus/contracts may not depend on @alarm-bus/nats-kit (package.json)'])
})

test('a relative import into another package is found, and of a library that does not belong', () => {
  add('apps/producer/src/zz.ts', "export * from '../../log-consumer/src/app.ts'\n")
  expect(findArrowFaults(copy)).toEqual(['apps/producer/src/zz.ts leaves its package: ../../log-consumer/src/app.ts'])
  add('apps/producer/src/zz.ts', `const client = await import${"('@nats-io/transport-node')"}\n`)
  expect(findArrowFaults(copy)).toEqual([
    'apps/producer/src/zz.ts imports @nats-io/transport-node, which its package.json does not name',
  ])
})

test('a package without a place in the arrow is found', () => {
  add('packages/service/package.json', JSON.stringify({ name: '@alarm-bus/other' }))
  expect(findArrowFaults(copy)[0]).toContain('@alarm-bus/other has no place in the arrow')
})

test('a new app needs no entry, and may no more than the others', () => {
  const manifest = { name: 'new-app', dependencies: { '@alarm-bus/contracts': '*', '@alarm-bus/ops': '*' } }
  mkdirSync(join(copy, 'apps/new-app/src'), { recursive: true })
  add('apps/new-app/package.json', JSON.stringify(manifest))
  add('apps/new-app/src/zz.ts', "export { contracts } from '@alarm-bus/contracts'\n")
  expect(findArrowFaults(copy)).toEqual(['new-app may not depend on @alarm-bus/ops (package.json)'])
})

test('every form of import is read', () => {
  const source = [
    "import a from 'a'",
    "import 'b'",
    "export { c } from 'c'",
    'import {\n  d,\n  type D,\n} from "d"',
    `const e = await import${"('e')"}`,
    "import type { F } from 'f'",
    "const text = 'from nowhere'",
  ].join('\n')
  expect(importsOf(source)).toEqual(['a', 'b', 'c', 'd', 'e', 'f'])
})
