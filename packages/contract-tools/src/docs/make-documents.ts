import { stringify } from 'yaml'
import { parseDocument } from './parse-document.ts'
import { type DocumentedBus, toAsyncApi } from './to-asyncapi.ts'
import { toCatalogue } from './to-catalogue.ts'
import { toPage } from './page/to-page.ts'

/** Where each document stands in the repository. The producer serves its three. */
export const DOCUMENT_PATHS = {
  json: 'apps/producer/docs/asyncapi.json',
  yaml: 'apps/producer/docs/asyncapi.yaml',
  page: 'apps/producer/docs/events.html',
  catalogue: 'docs/channels.md',
} as const

/**
 * Every document, by its path. The same input gives the same bytes.
 *
 * @throws InvalidDocument, or Error for an example that is no message of its channel.
 */
export async function makeDocuments(bus: DocumentedBus): Promise<ReadonlyMap<string, string>> {
  const document = toAsyncApi(bus)
  await parseDocument(document)
  return new Map([
    [DOCUMENT_PATHS.json, `${JSON.stringify(document, null, 2)}\n`],
    // Without anchors: each place says what it means.
    [DOCUMENT_PATHS.yaml, stringify(document, { aliasDuplicateObjects: false, lineWidth: 120 })],
    [DOCUMENT_PATHS.page, toPage(bus)],
    [DOCUMENT_PATHS.catalogue, toCatalogue(bus)],
  ])
}
