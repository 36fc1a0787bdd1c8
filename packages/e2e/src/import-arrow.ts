import { globSync, readFileSync } from 'node:fs'
import { basename, dirname, join, relative, sep } from 'node:path'

/** Which packages of the workspace a package may know, and which libraries its sources may import. */
interface Layer {
  /** In sources and in tests. */
  readonly knows: readonly string[]
  /** Every app there is, besides. */
  readonly knowsApps?: boolean
  /** Anything else is refused in sources; not given: any library. */
  readonly onlyLibraries?: readonly RegExp[]
  readonly noLibraries?: readonly RegExp[]
}

const COMMAND_LINE = '@alarm-bus/command-line'
const CONTRACTS = '@alarm-bus/contracts'
const ENVIRONMENT = '@alarm-bus/environment'
const KIT = '@alarm-bus/nats-kit'
const SERVER = '@alarm-bus/nats-server'
const SERVICE = '@alarm-bus/service'
const OPS = '@alarm-bus/ops'
const GENERATORS = '@alarm-bus/generators'
const NATS_CLIENT = /^@nats-io\/|^nats$/
/** The API alone: it does nothing where no SDK is registered. */
const TRACES = /^@opentelemetry\/api$/
const APP: Layer = { knows: [CONTRACTS, KIT, SERVICE, SERVER], noLibraries: [NATS_CLIENT] }

/**
 * contracts ← nats-kit ← service ← apps. A package that is not listed here is refused, so that it finds its place; what
 * stands in `apps` is an app.
 */
const LAYERS: Readonly<Record<string, Layer>> = {
  [CONTRACTS]: { knows: [], onlyLibraries: [/^zod$/] },
  [COMMAND_LINE]: { knows: [], onlyLibraries: [/commander/] },
  [ENVIRONMENT]: { knows: [], onlyLibraries: [] },
  [SERVER]: { knows: [], onlyLibraries: [] },
  [KIT]: { knows: [CONTRACTS, SERVER], onlyLibraries: [NATS_CLIENT, TRACES] },
  [SERVICE]: { knows: [CONTRACTS, ENVIRONMENT, KIT, SERVER], noLibraries: [NATS_CLIENT] },
  [OPS]: { knows: [COMMAND_LINE, CONTRACTS, ENVIRONMENT, KIT, SERVER] },
  '@alarm-bus/contract-tools': { knows: [COMMAND_LINE, CONTRACTS, KIT, OPS] },
  [GENERATORS]: { knows: [COMMAND_LINE, CONTRACTS] },
  '@alarm-bus/site': { knows: [] },
  benchmarks: { knows: [CONTRACTS, KIT, SERVER, 'producer'] },
  '@alarm-bus/e2e': { knows: [CONTRACTS, KIT, SERVICE, SERVER, OPS, GENERATORS], knowsApps: true },
}

interface Manifest {
  readonly name: string
  readonly dependencies?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
}

interface Package {
  readonly folder: string
  readonly manifest: Manifest
}

function layerOf({ folder, manifest }: Package): Layer | undefined {
  return isApp(folder) ? APP : LAYERS[manifest.name]
}

function isApp(folder: string): boolean {
  return basename(dirname(folder)) === 'apps'
}

function knows(layer: Layer, other: Package | undefined): boolean {
  if (!other) return false
  return layer.knows.includes(other.manifest.name) || (layer.knowsApps === true && isApp(other.folder))
}

const IMPORT =
  /^\s*(?:import|export)\b[^'"`]*?\bfrom\s*['"]([^'"]+)['"]|^\s*import\s*['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]\s*\)/gm
/** The one file outside of its package that a package may import. */
const SHARED_TEST_CONFIG = 'vitest.shared.ts'

/** Every import and every dependency that points against the arrow, one line each; empty when all is well. */
export function findArrowFaults(repository: string): readonly string[] {
  const packages = workspacePackages(repository)
  const names = new Map(packages.map((one) => [one.manifest.name, one]))
  return packages.flatMap((one) => [...manifestFaults(one, names), ...sourceFaults(repository, one, names)])
}

function workspacePackages(repository: string): readonly Package[] {
  const manifests = globSync(['apps/*/package.json', 'packages/*/package.json', 'benchmarks/package.json'], {
    cwd: repository,
  })
  return manifests.toSorted().map((path) => ({
    folder: join(repository, path, '..'),
    manifest: JSON.parse(readFileSync(join(repository, path), 'utf8')) as Manifest,
  }))
}

function manifestFaults(one: Package, names: ReadonlyMap<string, Package>): readonly string[] {
  const { manifest } = one
  const layer = layerOf(one)
  if (!layer) return [`${manifest.name} has no place in the arrow: give it one in packages/e2e/src/import-arrow.ts`]
  return declared(manifest)
    .filter((dependency) => names.has(dependency) && !knows(layer, names.get(dependency)))
    .map((dependency) => `${manifest.name} may not depend on ${dependency} (package.json)`)
}

function declared({ dependencies, devDependencies, peerDependencies }: Manifest): readonly string[] {
  return [...new Set(Object.keys({ ...dependencies, ...devDependencies, ...peerDependencies }))]
}

function sourceFaults(repository: string, one: Package, names: ReadonlyMap<string, Package>): readonly string[] {
  const files = globSync('{src,test}/**/*.ts', { cwd: one.folder }).concat(globSync('*.ts', { cwd: one.folder }))
  return files.toSorted().flatMap((file) => {
    const path = join(one.folder, file)
    const shown = relative(repository, path).replaceAll(sep, '/')
    return importsOf(readFileSync(path, 'utf8'))
      .map((specifier) => importFault(one, path, specifier, names))
      .filter((fault) => fault !== undefined)
      .map((fault) => `${shown} ${fault}`)
  })
}

/** The specifiers that a source imports or re-exports, in the order in which they stand. */
export function importsOf(source: string): readonly string[] {
  return [...source.matchAll(IMPORT)].map((match) => match[1] ?? match[2] ?? match[3] ?? '')
}

function importFault(
  one: Package,
  path: string,
  specifier: string,
  names: ReadonlyMap<string, Package>,
): string | undefined {
  const { folder, manifest } = one
  if (specifier.startsWith('node:')) return undefined
  if (specifier.startsWith('.')) {
    const leaves = relative(folder, join(path, '..', specifier)).startsWith('..')
    return leaves && !specifier.endsWith(SHARED_TEST_CONFIG) ? `leaves its package: ${specifier}` : undefined
  }
  const library = specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
  if (library === manifest.name) return undefined
  if (!declared(manifest).includes(library)) return `imports ${library}, which its package.json does not name`
  const layer = layerOf(one)
  if (!layer) return undefined
  if (names.has(library)) return knows(layer, names.get(library)) ? undefined : `may not import ${library}`
  // Tests may use what they like.
  const isSource = relative(folder, path).startsWith('src') && !path.endsWith('.test.ts')
  const isRefused = layer.noLibraries?.some((pattern) => pattern.test(library))
  const isForeign = layer.onlyLibraries && !layer.onlyLibraries.some((pattern) => pattern.test(library))
  return isSource && (isRefused || isForeign) ? `may not import the library ${library}` : undefined
}
