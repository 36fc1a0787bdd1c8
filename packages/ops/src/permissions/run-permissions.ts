import { UsageError } from '@alarm-bus/command-line'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { contracts } from '@alarm-bus/contracts'
import { readApps, REPOSITORY } from '../apps/read-apps.ts'
import type { Output } from '../output.ts'
import { appPermissions, type AppPermissions } from './app-permissions.ts'
import { differenceOf } from './difference.ts'
import { type PermissionsCommand, readCommand } from './flags.ts'
import { writeOperator } from './write-operator.ts'
import { type BrokerFiles, renderAccounts } from './render-accounts.ts'

/** Lines of a difference that are shown; a renamed channel touches hundreds. */
const SHOWN_LINES = 60

/** The process's exit code: 0 when it is done, 1 when something failed or the file is not what the declarations say. */
export async function runPermissions(argv: readonly string[], output: Output = console): Promise<number> {
  try {
    const command = readCommand(argv)
    if (typeof command === 'string') {
      output.log(command)
      return 0
    }
    // Where all trust each other, an app may make its consumers as well.
    const options = { shapesConsumers: command.oneAccount }
    const all = (await readApps()).map((app) => appPermissions(app, contracts, options))
    if (command.json || command.app !== undefined) {
      print(command.app === undefined ? all : [find(all, command.app)], command.json, output)
      return 0
    }
    if (command.jwt) {
      await writeOperator(all, command.out as string, output)
      return 0
    }
    const kind = command.nkeys ? 'nkey' : 'password'
    return bringAbout(renderAccounts(all, { kind, oneAccount: command.oneAccount }), command, output)
  } catch (error) {
    output.error(`ops permissions: ${(error as Error).message}`)
    return 1
  }
}

/** Looks at both files before it says how it went. */
function bringAbout(wanted: BrokerFiles, command: PermissionsCommand, output: Output): number {
  const folder = command.out ?? REPOSITORY
  if (!command.check) mkdirSync(folder, { recursive: true })
  const codes = Object.entries(wanted).map(([name, text]) => {
    const shown = command.out === undefined ? name : join(folder, name)
    return bringFile({ path: join(folder, name), shown, text }, command.check, output)
  })
  return Math.max(...codes)
}

interface WantedFile {
  readonly path: string
  /** How it is called in what is said. */
  readonly shown: string
  readonly text: string
}

function bringFile({ path, shown, text }: WantedFile, check: boolean, output: Output): number {
  const lines = differenceOf(existsSync(path) ? readFileSync(path, 'utf8') : '', text)
  if (lines.length === 0) {
    output.log(`${shown} is what the apps declare`)
    return 0
  }
  if (!check) {
    writeFileSync(path, text)
    output.log(`${shown} written: ${lines.length} lines changed`)
    return 0
  }
  output.error(
    `${shown} is not what the apps declare; \`pnpm ops permissions\` makes it so (- is there, + is missing):`,
  )
  for (const line of lines.slice(0, SHOWN_LINES)) output.error(line)
  if (lines.length > SHOWN_LINES) output.error(`and ${lines.length - SHOWN_LINES} lines more`)
  return 1
}

function find(all: readonly AppPermissions[], name: string): AppPermissions {
  const found = all.find(({ app }) => app.name === name)
  if (found) return found
  throw new UsageError(
    `unknown app ${JSON.stringify(name)}; expected one of: ${all.map(({ app }) => app.name).join(', ')}`,
  )
}

function print(all: readonly AppPermissions[], json: boolean, output: Output): void {
  if (json) {
    const apps = all.map(({ app, publish, subscribe }) => ({ app: app.name, publish, subscribe }))
    output.log(JSON.stringify({ apps }, null, 2))
    return
  }
  for (const { app, publish, subscribe } of all) {
    output.log(`${app.name} may publish on`)
    for (const { what, subjects } of publish) {
      output.log(`  # ${what}`)
      for (const subject of subjects) output.log(`  ${subject}`)
    }
    output.log('and subscribe to')
    for (const subject of subscribe) output.log(`  ${subject}`)
  }
}
