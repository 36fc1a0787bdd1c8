import { newCommand, readCommandLine, repeatable } from '@alarm-bus/command-line'
import { PINNED_VERSION } from '@alarm-bus/nats-server'
import { REPOSITORY } from '../apps/read-apps.ts'
import type { Output } from '../output.ts'
import { askBrokerHashes, checkHashes, HASHES_FILE, renderHashes } from './broker-hashes.ts'
import { checkImages } from './check-images.ts'
import { digestOf } from './image-digest.ts'
import { imagesIn, pinImages } from './image-references.ts'
import { filesWithImages, type PinnedFile, readPinned, writePinned } from './pinned-files.ts'
import { checkPnpm, pinPnpm, pnpmVersion } from './pnpm-version.ts'

const SUMMARY = `Pins what the repository is built from, and writes it into the files that name
it:
  images    the digest of each tag in Dockerfiles and compose files, as its
            registry says
  broker    the hashes of nats-server ${PINNED_VERSION}, as SHA256SUMS of the official release says
  pnpm      the version in package.json, in every Dockerfile's commands

Look at what changed before you commit it: a digest that moved is a base image
that was rebuilt.`

const NOTES = 'Through a proxy: HTTPS_PROXY=… NODE_USE_ENV_PROXY=1.'

interface Command {
  readonly check: boolean
  readonly registries: Readonly<Record<string, string>>
  readonly releases: string | undefined
}

/** The process's exit code: 0 when all is pinned, or with `--check` goes together; else 1. */
export async function runPins(argv: readonly string[], output: Output = console, root = REPOSITORY): Promise<number> {
  try {
    const command = readCommand(argv)
    if (typeof command === 'string') {
      output.log(command)
      return 0
    }
    const failed = command.check ? [] : await pin(command, output, root)
    const { problems, unpinned } = check(root)
    for (const line of unpinned) output.log(`unpinned: ${line}; \`pnpm pins\` asks for it`)
    for (const line of [...failed, ...problems]) output.error(`pins: ${line}`)
    if (failed.length + problems.length > 0) return 1
    if (unpinned.length === 0) output.log('images, broker and pnpm are pinned')
    return 0
  } catch (error) {
    output.error(`pins: ${(error as Error).message}`)
    return 1
  }
}

/** Pins what it can; what failed. */
async function pin({ registries, releases }: Command, output: Output, root: string): Promise<readonly string[]> {
  const failed: string[] = []
  const orFailed = (work: Promise<void>): Promise<void> =>
    work.catch((error: unknown) => void failed.push((error as Error).message))
  const write = (file: PinnedFile, text: string): void => {
    if (writePinned(root, file, text)) output.log(`${file.path} written`)
  }
  const version = pnpmVersion(root)
  for (const file of filesWithImages(root)) write(file, pinPnpm(file.text, version))

  const images = filesWithImages(root).flatMap(({ text }) => imagesIn(text).images)
  const digests = new Map<string, string>()
  for (const image of new Map(images.map((one) => [one.name, one])).values()) {
    await orFailed(digestOf(image, registries).then((digest) => void digests.set(image.name, digest)))
  }
  for (const file of filesWithImages(root)) write(file, pinImages(file.text, digests))

  const file = readPinned(root, HASHES_FILE)
  await orFailed(askBrokerHashes(releases).then((hashes) => write(file, renderHashes(file.text, hashes))))
  return failed
}

function check(root: string): { readonly problems: readonly string[]; readonly unpinned: readonly string[] } {
  const images = checkImages(filesWithImages(root))
  const broker = checkHashes(readPinned(root, HASHES_FILE).text)
  const unpinned = broker.pinned
    ? images.unpinned
    : [...images.unpinned, `nats-server ${PINNED_VERSION} has no hash in ${HASHES_FILE}`]
  const pnpm = checkPnpm(filesWithImages(root), pnpmVersion(root))
  return { problems: [...images.problems, ...broker.problems, ...pnpm], unpinned }
}

/** The command, or undefined where help was asked for. @throws Error saying what cannot be used. */
function readCommand(argv: readonly string[]): Command | string {
  const command = newCommand('pnpm pins', SUMMARY, NOTES)
    .option(
      '--check',
      'makes no request and writes nothing; fails where what is pinned does not go together, and names what is not pinned',
    )
    .option(
      '--registry <host=url>',
      'asks there for the images of HOST, for example docker.io; repeat it for each',
      repeatable,
    )
    .option('--releases <url>', `a mirror of the official releases, with v${PINNED_VERSION}/SHA256SUMS`)
  const help = readCommandLine(
    command,
    argv.filter((argument) => argument !== '--'),
  )
  if (help !== undefined) return help
  const { check = false, registry = [], releases } = command.opts()
  const registries = registry.map((one): [string, string] => {
    const [, host, url] = /^([^=]+)=(https?:\/\/.+)$/.exec(one) ?? []
    if (host === undefined || url === undefined)
      throw new Error(`--registry takes HOST=URL, not ${JSON.stringify(one)}`)
    return [host, url]
  })
  return { check, registries: Object.fromEntries(registries), releases }
}
