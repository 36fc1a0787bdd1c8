import type { PlopTypes } from '@turbo/gen'
import { NO_STREAM } from './check-request.ts'
import { camelCase } from './names.ts'
import { type NewRequest, requestFiles } from './request-files.ts'
import { follow, steps } from './steps.ts'
import { template } from './template.ts'
import { writeAll } from './write-all.ts'

/** What is written and run for a new request. What could fail comes first, so that nothing is left half made. */
export function requestActions(request: NewRequest): PlopTypes.ActionType[] {
  const file = `packages/contracts/src/${request.name}.ts`
  return [
    () => writeAll(requestFiles(request)),
    {
      type: 'add',
      path: file,
      templateFile: template('request.ts.hbs'),
      data: { exportName: camelCase(request.name), isStored: request.stream !== NO_STREAM },
    },
    () => steps([follow.format('packages/contracts/src'), follow.documents, follow.surface]),
    () =>
      `next: the app that answers it lists ${camelCase(request.name)} in the answers of its declaration and has a responder (defineResponder); those that ask it list it in asks; then pnpm ops permissions`,
  ]
}
