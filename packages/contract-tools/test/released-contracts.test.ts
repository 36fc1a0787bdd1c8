import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { readContractsVersion, REPOSITORY, SNAPSHOT_FILE } from '../src/repository.ts'
import { ALARMS, copyRepository, linkModules, type RepositoryCopy, repositoryAt } from './repository-copy.ts'

const VERSION = readContractsVersion(REPOSITORY)
const TAG = `@alarm-bus/contracts@${VERSION}`

// What a release promised is read from where a branch cannot write it.

let copy: RepositoryCopy
const made: string[] = []

beforeEach(() => {
  copy = copyRepository()
  writeFileSync(join(copy.root, '.gitignore'), 'node_modules\n')
})

afterEach(() => {
  copy.remove()
  for (const folder of made.splice(0)) rmSync(folder, { recursive: true, force: true })
})

const folder = (): string => {
  const path = mkdtempSync(join(tmpdir(), 'alarm-bus-released-'))
  made.push(path)
  return path
}

const commit = (): void => {
  copy.git('add', '-A')
  copy.git('commit', '-qm', 'x')
}

/** A repository with the release on its default branch, and a branch that leaves it. */
function branchOff(tag?: string): void {
  copy.git('init', '-q', '-b', 'main')
  commit()
  if (tag !== undefined) copy.git('tag', tag)
  copy.git('checkout', '-qb', 'change')
}

/** The snapshot as a branch would forge it: of what it declares. */
const forge = async (): Promise<void> => {
  rmSync(join(copy.root, '.git'), { recursive: true, force: true })
  rmSync(join(copy.root, SNAPSHOT_FILE), { force: true })
  expect(await copy.release('--first')).toMatchObject({ code: 0 })
}

/** The file that {@link forge} makes, with git as it was. */
async function forged(): Promise<string> {
  const other = folder()
  execFileSync('cp', ['-a', `${copy.root}/.`, other])
  const kept = copy
  copy = repositoryAt(other)
  await forge()
  copy = kept
  return join(other, SNAPSHOT_FILE)
}

describe.each([
  ['the tag of the release', TAG, `tag ${TAG}`],
  ['the default branch, where no tag is', undefined, 'branch main'],
])('with %s', (_, tag, source) => {
  beforeEach(() => branchOff(tag))

  test('the check passes what is as released, and says with what it compared', async () => {
    const { code, stdout } = await copy.check()
    expect(stdout).toContain('as released')
    expect(stdout).toContain(`compared with ${source}`)
    expect(code).toBe(0)
  })

  test('a snapshot that is removed and rewritten hides nothing', async () => {
    copy.shorten()
    rmSync(join(copy.root, SNAPSHOT_FILE))
    expect(await copy.release()).toMatchObject({ code: 2, stderr: expect.stringContaining('add a changeset') })
    expect(await copy.check()).toMatchObject({ code: 2 })
    copyFileSync(await forged(), join(copy.root, SNAPSHOT_FILE))
    commit()
    const { code, stderr } = await copy.check()
    expect(stderr).toContain(`says something else of ${VERSION} than was released`)
    expect(code).toBe(2)
  })

  test('a version that is raised by hand, with a recomputed digest, hides nothing', async () => {
    copy.shorten()
    copy.raiseVersion()
    copyFileSync(await forged(), join(copy.root, SNAPSHOT_FILE))
    commit()
    const { code, stdout } = await copy.check()
    expect(stdout).toContain('✗ /message  bound_tightened')
    expect(code).toBe(1)
  })

  test('a snapshot that is missing is restored', async () => {
    const before = readFileSync(join(copy.root, SNAPSHOT_FILE), 'utf8')
    rmSync(join(copy.root, SNAPSHOT_FILE))
    expect(await copy.release()).toMatchObject({ code: 0, stdout: expect.stringContaining(`restored from ${source}`) })
    expect(readFileSync(join(copy.root, SNAPSHOT_FILE), 'utf8')).toBe(before)
  })

  test('a release on its way passes', async () => {
    copy.edit(ALARMS, (text) => text.replace('MAX_TEXT_CHARACTERS = 4_000', 'MAX_TEXT_CHARACTERS = 5_000'))
    copy.raiseVersion()
    expect(await copy.release()).toMatchObject({ code: 0, stdout: expect.stringContaining('contracts 0.9.0') })
    commit()
    expect(await copy.check()).toMatchObject({ code: 0, stdout: expect.stringContaining('✓ /message  bound_loosened') })
  })
})

test('the later of tag and default branch counts', async () => {
  copy.git('init', '-q', '-b', 'main')
  commit()
  copy.git('tag', TAG)
  copy.raiseVersion()
  expect(await copy.release()).toMatchObject({ code: 0 })
  commit()
  copy.git('checkout', '-qb', 'change')
  copy.edit(ALARMS, (text) => `${text}\n`)
  commit()
  expect(await copy.check()).toMatchObject({ code: 0, stdout: expect.stringContaining('compared with branch main') })
})

test('a fresh clone without history and tags passes, and says what it cannot know', async () => {
  branchOff(TAG)
  const root = folder()
  execFileSync('git', ['clone', '-q', '--depth', '1', '--no-tags', '-b', 'main', `file://${copy.root}`, root])
  linkModules(root)
  const { code, stdout } = await repositoryAt(root).check()
  expect(stdout).toContain('as released')
  expect(stdout).toMatch(/not known: whether the last commit of origin\/\S+ is what was released/)
  expect(code).toBe(0)
})

test('a branch that was cloned alone says so, and breaks all the same', async () => {
  branchOff()
  copy.shorten()
  commit()
  copy.git('checkout', '-q', 'main')
  const root = folder()
  execFileSync('git', ['clone', '-q', '--depth', '1', '--single-branch', '-b', 'change', `file://${copy.root}`, root])
  linkModules(root)
  const { code, stdout } = await repositoryAt(root).check()
  expect(stdout).toContain('not known: whether packages/contracts/released/contracts.json is what was released')
  expect(code).toBe(1)
})

describe('without git', () => {
  test('a released package is compared with, packed or not', async () => {
    const packed = folder()
    mkdirSync(join(packed, 'package', 'released'), { recursive: true })
    copyFileSync(join(copy.root, SNAPSHOT_FILE), join(packed, 'package', 'released', 'contracts.json'))
    execFileSync('tar', ['-czf', join(packed, 'contracts.tgz'), '-C', packed, 'package'])
    copy.shorten()
    await forge()
    expect(await copy.check()).toMatchObject({ code: 0, stdout: expect.stringContaining('not known: ') })
    for (const path of [join(packed, 'contracts.tgz'), join(packed, 'package')]) {
      const { code, stderr } = await copy.check('--released', path)
      expect(stderr).toContain(`says something else of ${VERSION} than was released`)
      expect(code).toBe(2)
    }
    expect(await copy.check('--released', join(packed, 'none.tgz'))).toMatchObject({ code: 2 })
  })

  test('a missing snapshot is written only when --first says that it is the first', async () => {
    rmSync(join(copy.root, SNAPSHOT_FILE))
    expect(await copy.release()).toMatchObject({ code: 2, stderr: expect.stringContaining('--first') })
    expect(await copy.release('--first')).toMatchObject({ code: 0 })
  })

  test('what is not known is said as JSON too', async () => {
    const { stdout } = await copy.check('--json')
    expect(JSON.parse(stdout)).toMatchObject({
      outcome: 'compatible',
      released: { source: SNAPSHOT_FILE, unknown: expect.stringContaining('--released') },
    })
  })
})
