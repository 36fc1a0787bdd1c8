import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { UsageError } from '@alarm-bus/command-line'
import { readFlags } from './flags.ts'
import { REPOSITORY } from './repository.ts'

// `pnpm new app billing --handles alarm-to-bot --owner payments`: the flags become @turbo/gen's answers, in the order of
// its questions. What no flag says is asked; without a terminal it is an error.

try {
  const command = readFlags(process.argv.slice(2), process.stdin.isTTY)
  if (typeof command === 'string') console.log(command)
  else process.exitCode = await generate(command.generator, command.answers)
} catch (error) {
  if (!(error instanceof UsageError)) throw error
  console.error(`pnpm new: ${error.message}`)
  process.exitCode = 1
}

async function generate(generator: string, answers: readonly string[]): Promise<number> {
  const cli = createRequire(import.meta.url).resolve('@turbo/gen/dist/cli.js')
  const flags = ['run', generator, '--root', REPOSITORY, '--args', ...answers]
  const child = spawn(process.execPath, ['--conditions=@alarm-bus/source', cli, ...flags], {
    cwd: REPOSITORY,
    stdio: 'inherit',
  })
  const [code] = (await once(child, 'close')) as [number | null]
  return code ?? 1
}
