import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { repository } from './harness.ts'

const dockerfile = readFileSync(`${repository}packages/ops/Dockerfile`, 'utf8')
const ignore = readFileSync(`${repository}packages/ops/Dockerfile.dockerignore`, 'utf8').split('\n')

/** The workspace's packages that this one needs in production, itself included. */
function closure(name: string, found = new Set<string>()): Set<string> {
  if (found.has(name)) return found
  found.add(name)
  const manifest = JSON.parse(readFileSync(`${repository}packages/${name}/package.json`, 'utf8')) as {
    readonly dependencies?: Readonly<Record<string, string>>
  }
  for (const dependency of Object.keys(manifest.dependencies ?? {})) {
    if (dependency.startsWith('@alarm-bus/')) closure(dependency.slice('@alarm-bus/'.length), found)
  }
  return found
}

test('the image of `streams` gets the manifest of every package it installs for', () => {
  // A manifest that is missing ends the image's install, which nobody sees before `docker compose up`.
  for (const name of closure('ops')) {
    expect(dockerfile).toContain(`COPY packages/${name}/package.json packages/${name}/`)
    expect(ignore).toContain(`!packages/${name}/package.json`)
  }
})

test('everything that the Dockerfile copies is let in, and nothing else', () => {
  const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap((match) =>
    (match[1] as string).split(' '),
  )
  expect(
    ignore
      .filter((line) => line.startsWith('!'))
      .map((line) => line.slice(1))
      // Of `apps` a part is let in again.
      .filter((line) => !line.startsWith('apps/'))
      .sort(),
  ).toEqual(copied.sort())
  expect(ignore.filter((line) => line.includes('apps/'))).toEqual([
    'apps/*/*',
    '!apps/*/src',
    'apps/*/src/*',
    '!apps/*/src/declaration.ts',
  ])
  expect(ignore).toContain('*')
})
