import { NO_STREAM } from './check-request.ts'
import { afterLast, inPlaceOf } from './insert.ts'
import { camelCase } from './names.ts'
import { read } from './repository.ts'

export interface NewRequest {
  readonly name: string
  readonly subject: string
  /** `none` for a request that is not stored. */
  readonly stream: string
  readonly owner: string
  readonly description: string
}

/** A stored request stands in its stream's list, which is made where there is none. */
function inStream(stream: string, value: string, module: string): [string, string] {
  const file = `${SOURCES}/streams.ts`
  const text = read(file)
  const listed = new RegExp(`name: '${stream}',[^}]*?\\n  requests: \\[[^\\]]*`)
  const made = listed.test(text)
    ? inPlaceOf(file, text, listed, (found) => `${found.replace(/,?\s*$/, '')}, ${value}`)
    : inPlaceOf(
        file,
        text,
        new RegExp(`name: '${stream}',[^]*?channels: \\[[^\\]]*\\],`),
        (found) => `${found}\n  requests: [${value}],`,
      )
  return [file, afterLast(file, made, /^import .* from '\.\/.*'$/, `import ${module}`)]
}

const SOURCES = 'packages/contracts/src'

/** Every file that has to know the request, with its new text; nothing is written yet. */
export function requestFiles({ name, stream, description }: NewRequest): ReadonlyMap<string, string> {
  const value = camelCase(name)
  const module = `{ ${value} } from './${name}.ts'`
  const contracts = `${SOURCES}/contracts.ts`
  const index = `${SOURCES}/index.ts`
  const listed = inPlaceOf(contracts, read(contracts), /requests: \[[^\]]*/, (found) => {
    const before = found.replace(/,?\s*$/, '')
    return `${before}${before.endsWith('[') ? '' : ', '}${value}`
  })
  return new Map([
    ...(stream === NO_STREAM ? [] : [inStream(stream, value, module)]),
    [contracts, afterLast(contracts, listed, /^import .* from '\.\/.*'$/, `import ${module}`)],
    [index, afterLast(index, read(index), /^\}? ?.*export .* from '\.\/.*'$|^\} from '\.\/.*'$/, `export ${module}`)],
    [
      `.changeset/new-request-${name}.md`,
      `---\n'@alarm-bus/contracts': minor\n---\n\nA new request, \`${name}\`. ${description} No app has to ask it.\n`,
    ],
  ])
}
