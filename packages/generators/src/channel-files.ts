import { streamOf } from './check-channel.ts'
import { afterLast, inPlaceOf } from './insert.ts'
import { camelCase } from './names.ts'
import { read } from './repository.ts'

export interface NewChannel {
  readonly name: string
  readonly subject: string
  readonly stream: string
  readonly owner: string
  readonly description: string
}

const SOURCES = 'packages/contracts/src'
const IMPORT = /^import .* from '\.\/.*'$/

/** Every file that has to know the channel, with its new text; nothing is written yet. */
export function channelFiles({ name, stream, description }: NewChannel): ReadonlyMap<string, string> {
  const value = camelCase(name)
  const module = `{ ${value} } from './${name}.ts'`
  // The list that the stream's own name stands before.
  const inStream = new RegExp(`name: '${streamOf(stream).name}',[^]*?channels: \\[[^\\]]*`)
  const files: [string, RegExp | undefined][] = [
    [`${SOURCES}/contracts.ts`, /channels: \[[^\]]*/],
    [`${SOURCES}/streams.ts`, inStream],
    [`${SOURCES}/index.ts`, undefined],
  ]
  return new Map([
    ...files.map(([file, list]): [string, string] => {
      const text = read(file)
      if (!list)
        return [file, afterLast(file, text, /^\}? ?.*export .* from '\.\/.*'$|^\} from '\.\/.*'$/, `export ${module}`)]
      const listed = inPlaceOf(file, text, list, (found) => `${found.replace(/,?\s*$/, '')}, ${value}`)
      return [file, afterLast(file, listed, IMPORT, `import ${module}`)]
    }),
    [
      `.changeset/new-channel-${name}.md`,
      `---\n'@alarm-bus/contracts': minor\n---\n\nA new channel, \`${name}\`. ${description} No app has to use it.\n`,
    ],
  ])
}
