import { execFileSync } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { readSecretFiles } from '../src/secret-files.ts'

const folder = mkdtempSync(join(tmpdir(), 'secret-files-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const SECRETS = ['TOKEN', 'PASSWORD']

function fileOf(content: string | Uint8Array): string {
  const path = join(folder, `secret-${Math.random()}`)
  writeFileSync(path, content, { mode: 0o600 })
  return path
}
const read = (environment: Record<string, string | undefined>) => readSecretFiles(environment, SECRETS)

test.each([
  ['s3cret', 's3cret'],
  ['s3cret\n', 's3cret'],
  ['s3cret\r\n', 's3cret'],
  ['s3cret\n\n', 's3cret\n'],
  [' s3cret \n', ' s3cret '],
  ['두 줄\nund mehr\n', '두 줄\nund mehr'],
])('%j is the secret %j: one line break at the end is dropped, and nothing else', (content, secret) => {
  const { environment, fromFiles, problems } = read({ TOKEN_FILE: fileOf(content), OTHER: 'x', OTHER_FILE: '/x' })
  expect(environment).toEqual({ TOKEN: secret, OTHER: 'x', OTHER_FILE: '/x' })
  expect(fromFiles).toEqual(new Set(['TOKEN']))
  expect(problems).toEqual([])
})

test('as Kubernetes mounts it: a link', () => {
  const link = join(folder, 'link')
  symlinkSync(fileOf('linked'), link)
  expect(read({ TOKEN_FILE: link }).environment).toEqual({ TOKEN: 'linked' })
})

test('a blank variable is not set, on either side', () => {
  expect(read({ TOKEN: 'x', TOKEN_FILE: ' ' })).toMatchObject({ environment: { TOKEN: 'x' }, problems: [] })
  expect(read({ TOKEN: '', TOKEN_FILE: fileOf('y') })).toMatchObject({ environment: { TOKEN: 'y' }, problems: [] })
})

test('both at once is a problem, and so is each file that cannot be used; every one is said', () => {
  const problemsOf = (environment: Record<string, string>) =>
    Object.fromEntries(read(environment).problems.map(({ variable, problem }) => [variable, problem]))
  expect(problemsOf({ TOKEN: 'x', TOKEN_FILE: fileOf('y'), PASSWORD_FILE: fileOf('') })).toEqual({
    TOKEN_FILE: 'is set beside TOKEN; give one of them',
    PASSWORD_FILE: 'names a file that is empty',
  })
  const fifo = join(folder, 'fifo')
  execFileSync('mkfifo', [fifo])
  const large = fileOf('')
  truncateSync(large, 1024 ** 3)
  for (const [path, problem] of [
    [join(folder, 'none'), 'cannot be read (ENOENT)'],
    ['nul\0byte', 'cannot be read (ERR_INVALID_ARG_VALUE)'],
    [folder, 'is not a file'],
    [fifo, 'is not a file'],
    ['/dev/zero', 'is not a file'],
    [large, 'of more than 65536 bytes'],
    [fileOf('\n'), 'is empty'],
    [fileOf(Buffer.from([0x73, 0xff, 0xfe])), 'is not UTF-8'],
  ])
    expect(problemsOf({ TOKEN_FILE: path as string })['TOKEN_FILE'], path).toContain(problem)
})

test('a problem shows neither what is in the file nor the path, which may be the secret itself', () => {
  const paths = ['hunter2-in-place-of-a-path', fileOf(Buffer.concat([Buffer.from('hunter2'), Buffer.from([0xff])]))]
  const locked = fileOf('hunter2')
  chmodSync(locked, 0)
  for (const path of [...paths, locked, fileOf('hunter2'.repeat(20_000))]) {
    const { problems } = read({ TOKEN: 'hunter2', TOKEN_FILE: path, PASSWORD_FILE: path })
    expect(problems.length).toBeGreaterThan(0)
    expect(JSON.stringify(problems)).not.toMatch(/hunter2|secret-files-/)
  }
})
