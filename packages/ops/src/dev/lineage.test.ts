import { expect, test } from 'vitest'
import { commandPart } from './lineage.ts'

function chain(...commands: readonly string[]) {
  return commands.map((command, index) => ({ pid: 100 - index, parent: 99 - index, command: command.split(' ') }))
}

function partOf(...commands: readonly string[]): readonly string[] {
  return commandPart(chain(...commands)).map(({ command }) => command.join(' '))
}

const UNDER_TURBO = [
  'node --watch src/main.ts',
  'sh -c node',
  'pnpm run dev',
  '/x/turbo run dev',
  'node /x/bin/turbo run dev',
  'sh -c turbo',
]

test('everything from npx down to the task belongs to the command; the shell it was typed in does not', () => {
  const command = [...UNDER_TURBO, 'pnpm dev', 'sh -c pnpm', 'npm exec pnpm@12 dev']
  expect(partOf(...command, '-bash', 'sshd')).toEqual(command)
  expect(partOf(...command, 'bash', 'node /opt/editor/server.js')).toEqual(command)
})

test('a script that runs the command is no part of it, as long as it is more than that command', () => {
  const command = [...UNDER_TURBO, '/usr/local/bin/pnpm dev']
  expect(partOf(...command, '/bin/bash ./start-everything.sh', 'systemd')).toEqual(command)
  expect(partOf(...command, 'sh -c cd /x && pnpm dev & cd /y && other')).toEqual(command)
})

test('a command started without any launcher has none to watch', () => {
  expect(partOf('bash', 'sshd')).toEqual([])
  expect(partOf('node --watch src/main.ts', 'zsh')).toEqual([])
})
