import { existsSync, readFileSync } from 'node:fs'

/**
 * The version in the nearest package.json above a module: an app passes its `import.meta.url`. The same from `src` as
 * from `dist`, in a container too, since Node itself needs that package.json to run the module.
 *
 * @throws Error when there is none, or it has no version.
 */
export function versionOf(moduleUrl: string): string {
  for (let folder = new URL('.', moduleUrl); ; folder = new URL('..', folder)) {
    const manifest = new URL('package.json', folder)
    if (existsSync(manifest)) {
      const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { readonly version?: string }
      if (version === undefined) throw new Error(`${manifest.pathname} has no version`)
      return version
    }
    if (folder.pathname === '/' || folder.href === new URL('..', folder).href)
      throw new Error(`no package.json found above ${moduleUrl}`)
  }
}
