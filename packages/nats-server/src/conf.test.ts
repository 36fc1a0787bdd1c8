import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { caught, tempDir } from '../test/fixtures.ts'
import { rewriteStoreDir } from './conf.ts'

test.each([
  ['jetstream { store_dir: "/data" }', 'jetstream { store_dir: "/new" }'],
  ['jetstream: {\n  max_file = 1G\n  store_dir = /data\n}', 'jetstream: {\n  max_file = 1G\n  store_dir = "/new"\n}'],
  ["jetstream { store '/data', max_mem: 1 }", 'jetstream { store "/new", max_mem: 1 }'],
  ['store_dir: /data # why', 'store_dir: "/new" # why'],
  ['JetStream { Store_Dir: /data; }', 'JetStream { Store_Dir: "/new"; }'],
  ['a: [1, {b: "store_dir"}]\nstoredir: $DATA', 'a: [1, {b: "store_dir"}]\nstoredir: "/new"'],
])('replaces the directory in: %s', async (text, expected) => {
  expect(await rewriteStoreDir(text, '/', '/new')).toEqual({ text: expected, hasStoreDir: true })
})

test.each([
  'jetstream { max_file: 1G }',
  '# store_dir: /data\n// store_dir: /data',
  'server_name: store_dir\nport: 1',
  'accounts { A { users: [{user: store, password: "store_dir"}] } }',
  'resolver { store: x }\nroutes = [nats://a:b@h:1, nats://h:2]',
])('leaves alone: %s', async (text) => {
  expect(await rewriteStoreDir(text, '/', '/new')).toEqual({ text, hasStoreDir: false })
})

test('includes are put in place, from the folder of the file that has them', async () => {
  const folder = tempDir()
  writeFileSync(join(folder, 'js.conf'), 'store_dir: /data')
  const { text, hasStoreDir } = await rewriteStoreDir('jetstream {\n include ./js.conf\n}', folder, '/new')
  expect(text.replaceAll(/\s+/g, ' ')).toBe('jetstream { store_dir: "/new" }')
  expect(hasStoreDir).toBe(true)
  const error = await caught(rewriteStoreDir('include "gone.conf"', folder, '/new'))
  expect(error).toMatchObject({ code: 'config_error', message: expect.stringContaining('gone.conf') })
})
