import type { PlopTypes } from '@turbo/gen'
import { channelFiles, type NewChannel } from './channel-files.ts'
import { camelCase } from './names.ts'
import { follow, steps } from './steps.ts'
import { template } from './template.ts'
import { writeAll } from './write-all.ts'

/** What is written and run for a new channel. What could fail comes first, so that nothing is left half made. */
export function channelActions(channel: NewChannel): PlopTypes.ActionType[] {
  const file = `packages/contracts/src/${channel.name}.ts`
  return [
    () => writeAll(channelFiles(channel)),
    {
      type: 'add',
      path: file,
      templateFile: template('channel.ts.hbs'),
      data: { exportName: camelCase(channel.name) },
    },
    () => steps([follow.format('packages/contracts/src'), follow.permissions, follow.documents, follow.surface]),
  ]
}
