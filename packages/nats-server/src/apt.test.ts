import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { bareEnv, caught, closedUrl, listAll, tempDir, writeScript } from '../test/fixtures.ts'
import { debianMirror } from './apt-sources.ts'
import { fetchWithApt } from './apt.ts'
import { findNatsServer } from './find.ts'
import { isAtLeast, versionOf } from './version.ts'

const FOLDER = 'pin-2.15.1-linux-x64'
const DEB822 = `# A comment
Types: deb deb-src
URIs: http://mirror.example/debian
# Another comment
Suites: bookworm
 bookworm-updates
Components: main
Signed-By: /some/keyring.gpg

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main
`

/** An apt configuration directory with these files below `sources.list.d`. */
function aptDir(files: Record<string, string>): string {
  const folder = tempDir()
  mkdirSync(join(folder, 'sources.list.d'))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, 'sources.list.d', name), text)
  return folder
}

describe('the mirror in the machine’s apt sources', () => {
  test.each<[string, Record<string, string>, string | undefined]>([
    ['deb822', { 'debian.sources': DEB822 }, 'http://mirror.example/debian'],
    [
      'a line',
      { 'a.list': 'deb [arch=amd64 signed-by=/k] https://m.example/debian/ trixie main # x' },
      'https://m.example/debian/',
    ],
    [
      'a mirror list',
      { 'a.list': 'deb mirror+file:/etc/apt/mirrors/debian.list sid main' },
      'mirror+file:/etc/apt/mirrors/debian.list',
    ],
    ['Ubuntu', { 'a.list': 'deb http://archive.example/ubuntu noble main universe' }, undefined],
    [
      'other vendors',
      { 'a.list': 'deb https://v.example bookworm main\ndeb https://d.example/linux/debian bookworm stable' },
      undefined,
    ],
    ['switched off', { 'd.sources': DEB822.replace('Types: deb deb-src', 'Enabled: no\nTypes: deb') }, undefined],
    ['a comment', { 'a.list': '# deb http://m.example/debian sid main' }, undefined],
    ['sources of source code', { 'a.list': 'deb-src http://m.example/debian sid main' }, undefined],
    ['another file', { 'a.list.disabled': 'deb http://m.example/debian sid main' }, undefined],
  ])('%s', async (_, files, expected) => {
    expect(await debianMirror(aptDir(files))).toBe(expected)
  })
})

/** An apt-get and a dpkg-deb that do what apt does, as far as files go. `update` runs the given commands. */
function fakeApt(options: { update?: string; version?: string } = {}) {
  const bin = tempDir()
  const record = join(bin, 'record')
  writeScript(
    join(bin, 'apt-get'),
    `PATH=/usr/bin:/bin
{ echo "$@"; cat "$2" "$(dirname "$2")"/sources/*; } >> '${record}'
case "$4" in
  update) ${options.update ?? 'exit 0'} ;;
  download) touch nats-server_fake.deb ;;
esac`,
  )
  writeScript(
    join(bin, 'dpkg-deb'),
    `PATH=/usr/bin:/bin; mkdir -p "$3/usr/sbin"; f="$3/usr/sbin/nats-server"
printf '#!/bin/sh\\necho nats-server: v${options.version ?? '2.15.1'}\\n' > "$f"; chmod 755 "$f"`,
  )
  const keyring = join(bin, 'keyring.gpg')
  writeFileSync(keyring, '')
  return { env: bareEnv(bin), keyring, configDir: aptDir({ 'debian.sources': DEB822 }), record }
}

async function findWithApt(fake: ReturnType<typeof fakeApt>) {
  const lines: string[] = []
  const cacheDir = tempDir()
  const { env, keyring, configDir } = fake
  const found = findNatsServer({
    env,
    cacheDir,
    platform: 'linux',
    arch: 'x64',
    releasesUrl: await closedUrl(),
    apt: { keyring, configDir },
    onProgress: (line) => lines.push(line),
  })
  return { found, cacheDir, lines }
}

describe('the way through apt, with an apt-get that is made up', () => {
  test('follows a release that cannot be reached, tells each step and leaves only the binary', async () => {
    const fake = fakeApt()
    const { found, cacheDir, lines } = await findWithApt(fake)
    expect(await found).toEqual({ path: join(cacheDir, FOLDER, 'nats-server'), version: '2.15.1', source: 'apt' })
    expect(listAll(cacheDir)).toEqual([FOLDER, `${FOLDER}/nats-server`])
    expect(lines.filter((line) => line.startsWith('apt: '))).toHaveLength(3)
    const record = readFileSync(fake.record, 'utf8')
    expect(record).toContain(
      `URIs: http://mirror.example/debian\nSuites: testing\nComponents: main\nSigned-By: ${fake.keyring}`,
    )
    expect(record).not.toMatch(/allow-unauthenticated|trusted/i)
    expect(record).toContain('APT::Get::AllowUnauthenticated "false"')
  })

  test.each([
    ['bad_signature', 'echo "E: The repository \'x InRelease\' is not signed."; exit 100'],
    ['not_available', 'echo "E: Failed to fetch x  Could not resolve y"; exit 100'],
    ['not_available', 'echo "E: something else"; exit 100'],
  ])('%s when update says: %s', async (code, update) => {
    const { found, cacheDir } = await findWithApt(fakeApt({ update }))
    const error = await caught(found)
    expect(error.code).toBe(code)
    expect(error.message).toContain('E: ')
    expect(listAll(cacheDir)).toEqual([FOLDER])
  })

  test('a package with a version that is too old is an error of its own', async () => {
    const { found, cacheDir } = await findWithApt(fakeApt({ version: '2.10.0' }))
    expect((await caught(found)).code).toBe('wrong_version')
    expect(listAll(cacheDir)).toEqual([FOLDER])
  })

  test('a step that does not end is given up', async () => {
    const fake = { ...fakeApt({ update: 'exec sleep 60' }), timeoutMs: 300 }
    expect((await caught(fetchWithApt(tempDir(), fake, () => {}))).code).toBe('timeout')
  })

  test('without the keyring or without apt-get it says so', async () => {
    const fake = { ...fakeApt(), keyring: '/nonexistent/keyring.gpg' }
    const error = await caught(fetchWithApt(tempDir(), fake, () => {}))
    expect(error).toMatchObject({ code: 'no_keyring', message: expect.stringContaining('debian-archive-keyring') })
    expect((await caught(fetchWithApt(tempDir(), { env: bareEnv() }, () => {}))).code).toBe('no_apt')
  })
})

const hasDebian = existsSync('/usr/bin/apt-get') && (await debianMirror('/etc/apt')) !== undefined

// The made-up apt-get above covers the branches on every machine; this one asks Debian's real archive.
describe.runIf(hasDebian)('the way through apt, with the real one', () => {
  test('downloads a package whose signature is checked, and touches none of the system’s lists', async () => {
    const workDir = tempDir()
    const before = listAll('/var/lib/apt/lists')
    const path = await fetchWithApt(workDir, {}, () => {})
    expect(path.startsWith(workDir)).toBe(true)
    expect(isAtLeast(await versionOf(path), '2.14.0')).toBe(true)
    expect(listAll('/var/lib/apt/lists')).toEqual(before)
  })

  test('refuses an archive that another key has signed', async () => {
    const keyring = join(tempDir(), 'other.gpg')
    writeFileSync(keyring, '')
    expect((await caught(fetchWithApt(tempDir(), { keyring }, () => {}))).code).toBe('bad_signature')
  })

  test('names the missing network', async () => {
    const mirrorUrl = `${await closedUrl()}/debian`
    expect((await caught(fetchWithApt(tempDir(), { mirrorUrl }, () => {}))).code).toBe('no_network')
  })
})
