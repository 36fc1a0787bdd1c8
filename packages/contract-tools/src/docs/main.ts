import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { contracts } from '@alarm-bus/contracts'
import { readApps } from '@alarm-bus/ops'
import { newCommand, readCommandLine } from '@alarm-bus/command-line'
import { findDrift, writeDocuments } from './document-files.ts'
import { makeDocuments } from './make-documents.ts'

const REPOSITORY = fileURLToPath(new URL('../../../../', import.meta.url))

/** The process's exit code: 0 when the documents are written, or as the code says. */
async function main(argv: readonly string[]): Promise<number> {
  const command = newCommand(
    'pnpm contracts:docs',
    'Writes the AsyncAPI document (JSON, YAML, a page) and the catalogue of channels from the contracts and from what each app declares.',
  ).option('--check', 'writes nothing; exit code 1 and the first difference where a document is not what the code says')
  const help = readCommandLine(command, argv)
  if (help !== undefined) {
    console.log(help)
    return 0
  }
  const { version } = JSON.parse(await readFile(join(REPOSITORY, 'packages/contracts/package.json'), 'utf8')) as {
    readonly version: string
  }
  const documents = await makeDocuments({ contracts, apps: await readApps(), version })
  if (!command.opts().check) {
    await writeDocuments(REPOSITORY, documents)
    for (const path of documents.keys()) console.log(`wrote ${path}`)
    return 0
  }
  const drift = await findDrift(REPOSITORY, documents)
  for (const { path, difference } of drift) {
    console.error(`${path} is not what the code says; run: pnpm contracts:docs\n${difference}`)
  }
  if (drift.length === 0) console.log(`contracts:docs: ${documents.size} documents are what the code says`)
  return drift.length === 0 ? 0 : 1
}

try {
  // pnpm 12 hands a "--" on to the script.
  process.exitCode = await main(process.argv.slice(2).filter((argument) => argument !== '--'))
} catch (error) {
  console.error(`contracts:docs: ${(error as Error).message}`)
  process.exitCode = 1
}
