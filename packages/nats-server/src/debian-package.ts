import { constants } from 'node:fs'
import { access, mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { debianMirror } from './apt-sources.ts'
import { NatsServerError } from './errors.ts'
import { executablesOnPath } from './executables.ts'
import type { Progress } from './progress.ts'
import { runCommand } from './run-command.ts'
import type { CommandResult } from './run-command.ts'

export interface AptOptions {
  /** The suite of Debian that has the package; default `testing`. */
  readonly suite?: string
  /** Address of a mirror of Debian's archive; default the one in the machine's own apt sources. */
  readonly mirrorUrl?: string
  /** Keys that may sign the archive; default the file of the package debian-archive-keyring. */
  readonly keyring?: string
  /** apt's configuration directory, from which the sources are read; default `/etc/apt`. */
  readonly configDir?: string
  /** How long each of apt's steps may take, in milliseconds; default 300 000. */
  readonly timeoutMs?: number
  /** Environment of the commands; default `process.env`. */
  readonly env?: NodeJS.ProcessEnv
}

const DEBIAN_KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg'
const DEBIAN_MIRROR = 'http://deb.debian.org/debian'
const DEFAULT_TIMEOUT_MS = 300_000

/**
 * Downloads a package of Debian's with apt's ordinary client into `workDir` and unpacks it there. All of apt's state stays
 * in `workDir`: nothing is installed and no root is needed. apt checks the archive's signature.
 *
 * @returns the folder with the package's files, and the name of what was downloaded.
 * @throws NatsServerError `no_apt`, `no_keyring`, `bad_signature`, `no_network`, `timeout`, `apt_failed`.
 */
export async function fetchDebianPackage(
  name: string,
  workDir: string,
  options: AptOptions,
  onProgress: Progress,
): Promise<{ readonly folder: string; readonly packageName: string }> {
  const { suite = 'testing', env = process.env } = options
  if ((await executablesOnPath('apt-get', env['PATH'])).length === 0) {
    throw new NatsServerError('no_apt', "Debian's package cannot be fetched: this machine has no apt-get")
  }
  const keyring = await readableKeyring(options.keyring ?? DEBIAN_KEYRING)
  const mirrorUrl = options.mirrorUrl ?? (await debianMirror(options.configDir ?? '/etc/apt')) ?? DEBIAN_MIRROR
  const configPath = await writeAptFiles(workDir, { suite, keyring, mirrorUrl })
  const downloads = join(workDir, 'downloads')
  const step = async (line: string, file: string, args: string[]): Promise<void> => {
    onProgress(line)
    const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS
    throwIfFailed(`${file} ${args.at(-1)}`, await runCommand(file, args, { cwd: downloads, timeoutMs, env }), timeoutMs)
  }
  const apt = ['-c', configPath, '-q']
  await step(`apt: reading the package lists of Debian ${suite} from ${mirrorUrl}`, 'apt-get', [...apt, 'update'])
  await step(`apt: downloading the package ${name}`, 'apt-get', [...apt, 'download', name])
  const packageName = (await readdir(downloads)).find((file) => file.endsWith('.deb'))
  if (!packageName) throw new NatsServerError('apt_failed', 'apt-get download left no package behind')
  const unpacked = join(workDir, 'unpacked')
  await step(`apt: unpacking ${packageName}`, 'dpkg-deb', ['-x', join(downloads, packageName), unpacked])
  return { folder: unpacked, packageName }
}

async function readableKeyring(path: string): Promise<string> {
  try {
    await access(path, constants.R_OK)
    return path
  } catch (cause) {
    const message =
      `apt could not check the signature of Debian's archive, because ${path} is missing: install the package ` +
      'debian-archive-keyring, or give the option apt.keyring'
    throw new NatsServerError('no_keyring', message, { cause })
  }
}

async function writeAptFiles(
  workDir: string,
  source: { suite: string; keyring: string; mirrorUrl: string },
): Promise<string> {
  for (const name of ['state/lists/partial', 'cache/archives/partial', 'sources', 'downloads']) {
    await mkdir(join(workDir, name), { recursive: true })
  }
  const { suite, keyring, mirrorUrl } = source
  if ([workDir, suite, keyring, mirrorUrl].some((value) => /[\n"]/.test(value))) {
    throw new NatsServerError('invalid_options', 'apt cannot take a path, suite or address with a quote or line break')
  }
  await writeFile(
    join(workDir, 'sources', 'debian.sources'),
    `Types: deb\nURIs: ${mirrorUrl}\nSuites: ${suite}\nComponents: main\nSigned-By: ${keyring}\n`,
  )
  const configPath = join(workDir, 'apt.conf')
  await writeFile(configPath, aptConfig(workDir))
  return configPath
}

/**
 * This file is read after the machine's own settings, so proxies stay in force, and what is set here wins: the directories,
 * no hooks of the system, and a signature check that was not switched off.
 */
function aptConfig(workDir: string): string {
  const hooks = [
    'APT::Update::Pre-Invoke',
    'APT::Update::Post-Invoke',
    'APT::Update::Post-Invoke-Success',
    'DPkg::Pre-Invoke',
    'DPkg::Post-Invoke',
    'DPkg::Pre-Install-Pkgs',
  ]
  const settings = {
    'Dir::State': join(workDir, 'state'),
    'Dir::State::status': '/dev/null',
    'Dir::Cache': join(workDir, 'cache'),
    'Dir::Log': workDir,
    'Dir::Etc::sourcelist': '/dev/null',
    'Dir::Etc::sourceparts': join(workDir, 'sources'),
    'Dir::Etc::preferences': '/dev/null',
    'Dir::Etc::preferencesparts': '/dev/null',
    'Acquire::Languages': 'none',
    'Acquire::Retries': '1',
    'Acquire::http::Timeout': '10',
    'Acquire::https::Timeout': '10',
    'Acquire::AllowInsecureRepositories': 'false',
    'Acquire::AllowWeakRepositories': 'false',
    'Acquire::AllowDowngradeToInsecureRepositories': 'false',
    'APT::Get::AllowUnauthenticated': 'false',
    // Otherwise `update` reports success when the mirror cannot be reached.
    'APT::Update::Error-Mode': 'any',
  }
  const cleared = hooks.map((name) => `#clear ${name};`)
  const set = Object.entries(settings).map(([name, value]) => `${name} "${value}";`)
  return [...cleared, ...set, ''].join('\n')
}

function throwIfFailed(command: string, result: CommandResult, timeoutMs: number): void {
  if (result.startError?.code === 'ENOENT') {
    throw new NatsServerError('no_apt', `${command}: this machine has no such command`, { cause: result.startError })
  }
  if (result.code === 0) return
  const errors = result.output.match(/^[EW]: .*$/gm)?.join('; ') ?? result.output.trim().slice(-500)
  const why = result.startError?.message ?? (errors || 'it printed nothing')
  if (result.code === null && !result.startError) {
    throw new NatsServerError('timeout', `${command} did not end within ${timeoutMs} ms: ${why}`)
  }
  if (/not signed|GPG error|couldn't be verified|cannot be authenticated/.test(result.output)) {
    throw new NatsServerError('bad_signature', `${command}: the signature check failed: ${why}`)
  }
  if (/Could not (resolve|connect)|Temporary failure resolving|Unable to connect|timed out/.test(result.output)) {
    throw new NatsServerError('no_network', `${command}: no network to the mirror: ${why}`)
  }
  throw new NatsServerError('apt_failed', `${command} failed: ${why}`)
}
