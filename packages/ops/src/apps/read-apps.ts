import { readdirSync } from 'node:fs'
import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { App } from '@alarm-bus/contracts'

/** The checkout's root. */
export const REPOSITORY = fileURLToPath(new URL('../../../../', import.meta.url))

/**
 * What every app of the repository says of itself, by name: `app` of each `apps/<name>/src/declaration.ts`. Found by
 * their place, so that a new app is known without being added to a list.
 *
 * @throws Error naming the file, where a declaration is missing, exports no `app`, or is called otherwise than its folder.
 */
export async function readApps(repository: string = REPOSITORY): Promise<readonly App[]> {
  const folders = readdirSync(join(repository, 'apps'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .sort()
  return Promise.all(folders.map((name) => readApp(repository, name)))
}

async function readApp(repository: string, name: string): Promise<App> {
  const file = join(repository, 'apps', name, 'src', 'declaration.ts')
  const shown = `apps/${name}/src/declaration.ts`
  await access(file).catch((cause: unknown) => {
    throw new Error(`${shown} is missing; declare there what the app publishes and handles (defineApp)`, { cause })
  })
  const { app } = (await import(pathToFileURL(file).href)) as { readonly app?: App }
  if (app === undefined) throw new Error(`${shown} exports no "app"`)
  if (app.name !== name)
    throw new Error(`${shown} declares ${JSON.stringify(app.name)}; an app has the name of its folder`)
  return app
}
