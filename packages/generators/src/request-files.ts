import { afterLast, inPlaceOf } from './insert.ts'
import { camelCase } from './names.ts'
import { read } from './repository.ts'

export interface NewRequest {
  readonly name: string
  readonly subject: string
  readonly owner: string
  readonly description: string
}

const SOURCES = 'packages/contracts/src'

/** Every file that has to know the request, with its new text; nothing is written yet. */
export function requestFiles({ name, description }: NewRequest): ReadonlyMap<string, string> {
  const value = camelCase(name)
  const module = `{ ${value} } from './${name}.ts'`
  const contracts = `${SOURCES}/contracts.ts`
  const index = `${SOURCES}/index.ts`
  const listed = inPlaceOf(contracts, read(contracts), /requests: \[[^\]]*/, (found) => {
    const before = found.replace(/,?\s*$/, '')
    return `${before}${before.endsWith('[') ? '' : ', '}${value}`
  })
  return new Map([
    [contracts, afterLast(contracts, listed, /^import .* from '\.\/.*'$/, `import ${module}`)],
    [index, afterLast(index, read(index), /^\}? ?.*export .* from '\.\/.*'$|^\} from '\.\/.*'$/, `export ${module}`)],
    [
      `.changeset/new-request-${name}.md`,
      `---\n'@alarm-bus/contracts': minor\n---\n\nA new request, \`${name}\`. ${description} No app has to ask it.\n`,
    ],
  ])
}
