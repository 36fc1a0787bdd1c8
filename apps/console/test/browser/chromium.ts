import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { delimiter, dirname, join } from 'node:path'

/** A browser, and the environment that it needs. */
export interface Chromium {
  readonly executablePath: string
  readonly env: Readonly<Record<string, string>>
}

const NAMES = ['chromium', 'chromium-headless-shell', 'chromium-browser', 'google-chrome', 'google-chrome-stable']
/** The second has Hangul, which screenshots show. */
const PACKAGES = ['chromium-headless-shell', 'fonts-nanum']
const STEP_TIMEOUT_MS = 300_000

/** Where the browser is kept that this unpacked. */
const cache = join(import.meta.dirname, '../../../../node_modules/.cache/chromium')

/**
 * The browser of `CHROMIUM_BIN`, or of the `PATH`, or Debian's, downloaded once with apt's ordinary client and unpacked
 * into the repository's cache with the libraries that this machine lacks. Nothing is installed and no root is needed; apt
 * checks the archive's signature by the machine's own keys.
 *
 * @throws Error that says what to do, where there is no browser and no apt.
 */
export async function findChromium(say: (line: string) => void = () => undefined): Promise<Chromium> {
  const named = process.env['CHROMIUM_BIN']
  if (named) {
    if (!existsSync(named)) throw new Error(`CHROMIUM_BIN names ${named}, which does not exist`)
    return { executablePath: named, env: ownEnvironment() }
  }
  const folders = (process.env['PATH'] ?? '').split(delimiter)
  const onPath = NAMES.flatMap((name) => folders.map((folder) => join(folder, name))).find(existsSync)
  if (onPath) return { executablePath: onPath, env: ownEnvironment() }
  const root = join(cache, 'root')
  if (!existsSync(root)) await unpackChromium(root, say)
  return unpacked(root)
}

async function unpackChromium(root: string, say: (line: string) => void): Promise<void> {
  await mkdir(cache, { recursive: true })
  const work = await mkdtemp(join(cache, 'partial-'))
  try {
    for (const folder of ['state/lists/partial', 'archives/partial', 'root']) {
      await mkdir(join(work, folder), { recursive: true })
    }
    const config = join(work, 'apt.conf')
    await writeFile(config, aptConfig(work))
    say('apt: reading the package lists')
    await run('apt-get', ['-c', config, '-q', 'update'])
    say(`apt: downloading ${PACKAGES.join(' and ')}, about 110 MB`)
    await run('apt-get', [
      ...['-c', config, '-q', '-y', 'install', '--download-only', '--no-install-recommends'],
      ...PACKAGES,
    ])
    for (const file of await readdir(join(work, 'archives'))) {
      if (file.endsWith('.deb')) await run('dpkg-deb', ['-x', join(work, 'archives', file), join(work, 'root')])
    }
    // Two that unpack at the same time both have a whole one; the later one is thrown away.
    await rename(join(work, 'root'), root).catch((error: unknown) => {
      if (!existsSync(root)) throw error
    })
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

/** The machine's own sources and its record of what is installed, and every file that apt writes in `work`. */
function aptConfig(work: string): string {
  const settings = {
    'Dir::State': join(work, 'state'),
    'Dir::State::status': '/var/lib/dpkg/status',
    'Dir::Cache': work,
    'Dir::Cache::archives': join(work, 'archives'),
    'Dir::Log': work,
    'Debug::NoLocking': 'true',
    'Acquire::Languages': 'none',
    'Acquire::Retries': '1',
    'Acquire::AllowInsecureRepositories': 'false',
    'APT::Get::AllowUnauthenticated': 'false',
    'APT::Update::Error-Mode': 'any',
    // Where root runs it, apt would download as another user, who may not write here.
    'APT::Sandbox::User': 'root',
  }
  const hooks = ['APT::Update::Pre-Invoke', 'APT::Update::Post-Invoke', 'APT::Update::Post-Invoke-Success']
  return [
    ...hooks.map((name) => `#clear ${name};`),
    ...Object.entries(settings).map(([name, value]) => `${name} "${value}";`),
    '',
  ].join('\n')
}

async function unpacked(root: string): Promise<Chromium> {
  const libraries = await foldersOfLibraries(join(root, 'usr/lib'))
  const env: Record<string, string> = {
    ...ownEnvironment(),
    LD_LIBRARY_PATH: libraries.join(delimiter),
    // Fonts are looked for in `fonts` below it.
    XDG_DATA_HOME: join(root, 'usr/share'),
  }
  if (!existsSync('/etc/fonts/fonts.conf')) env['FONTCONFIG_PATH'] = join(root, 'etc/fonts')
  return { executablePath: join(root, 'usr/lib/chromium/chromium-headless-shell'), env }
}

async function foldersOfLibraries(folder: string): Promise<readonly string[]> {
  if (!existsSync(folder)) return []
  const files = await readdir(folder, { recursive: true })
  return [...new Set(files.filter((file) => /\.so(\.|$)/.test(file)).map((file) => dirname(join(folder, file))))]
}

function ownEnvironment(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined),
  )
}

function run(command: string, args: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], timeout: STEP_TIMEOUT_MS })
    let output = ''
    const keep = (chunk: Buffer) => void (output = (output + chunk.toString()).slice(-2_000))
    child.stdout.on('data', keep)
    child.stderr.on('data', keep)
    child.on('error', (cause) =>
      reject(
        new Error(`no browser was found, and ${command} cannot fetch one: set CHROMIUM_BIN to a Chromium`, { cause }),
      ),
    )
    child.on('close', (code) => {
      if (code === 0) resolve()
      else reject(new Error(`${command} failed, so set CHROMIUM_BIN to a Chromium: ${output.trim()}`))
    })
  })
}
