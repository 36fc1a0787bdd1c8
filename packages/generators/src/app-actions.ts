import { appVariable, type Channel } from '@alarm-bus/contracts'
import type { PlopTypes } from '@turbo/gen'
import { appFiles, type NewApp, nextPort } from './app-files.ts'
import { channelsOf, type Kind } from './check-app.ts'
import { pascalCase } from './names.ts'
import { exportNameOf } from './repository.ts'
import { follow, steps } from './steps.ts'
import { template } from './template.ts'
import { writeAll } from './write-all.ts'

export interface AppAnswers {
  readonly name: string
  readonly kind: Kind
  /** The channels' names. */
  readonly channels: readonly string[]
  readonly owner: string
  readonly description: string
}

/** What is written and run for a new app. What could fail comes first, so that nothing is left half made. */
export function appActions({ name, kind, channels, description }: AppAnswers): PlopTypes.ActionType[] {
  const app: NewApp = { name, description }
  const uses = channelsOf(channels.join(',')).map((channel) => ({
    name: channel.name,
    exportName: exportNameOf(channel),
    example: exampleOf(channel),
  }))
  const exportNames = uses.map(({ exportName }) => exportName)
  const data = { uses, exportNames, ...namesOf(app) }
  const folder = `apps/${name}`
  return [
    () => writeAll(appFiles(app)),
    {
      type: 'addMany',
      destination: folder,
      base: template(kind),
      templateFiles: template(`${kind}/**/*.hbs`),
      globOptions: {},
      data,
    },
    ...(kind === 'consumer' ? uses.flatMap((use) => handlerFiles(folder, use)) : []),
    () => steps([follow.install, follow.permissions, follow.documents, follow.format(folder)]),
  ]
}

function handlerFiles(folder: string, use: { readonly name: string }): PlopTypes.ActionType[] {
  return ['handler.ts', 'handler.test.ts'].map((file) => ({
    type: 'add',
    path: `${folder}/src/handlers/${file.replace('handler', use.name)}`,
    templateFile: template(`handler/${file}.hbs`),
    data: { use },
  }))
}

function namesOf({ name }: NewApp) {
  return { typeName: pascalCase(name), portVariable: appVariable(name, 'PORT'), port: nextPort() }
}

/** The tests need a message of the channel. */
function exampleOf(channel: Channel): unknown {
  const [example] = (channel.schema.meta()?.['examples'] ?? []) as readonly unknown[]
  if (example !== undefined) return example
  throw new Error(
    `channel ${JSON.stringify(channel.name)} has no example; give its schema one: .meta({ examples: […] })`,
  )
}
