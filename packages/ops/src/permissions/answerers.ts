import type { App } from '@alarm-bus/contracts'
import type { AppPermissions } from './app-permissions.ts'

/** The app that answers the request; `assertAnswered` has found that there is one. */
export function answererOf(permissions: readonly AppPermissions[], request: string): App {
  const found = answerersOf(permissions, request)[0]
  if (found) return found
  throw new Error(`no app answers request ${JSON.stringify(request)}; add it to the answers of one`)
}

/** @throws Error naming the request: asked and answered by no app, or answered by two, of which a caller hears only one. */
export function assertAnswered(permissions: readonly AppPermissions[]): void {
  for (const { app } of permissions) {
    for (const { name } of app.asks) {
      if (answerersOf(permissions, name).length === 0)
        throw new Error(
          `${app.name} asks request ${JSON.stringify(name)}, which no app answers; add it to the answers of one`,
        )
    }
    for (const { name } of app.answers) {
      const names = answerersOf(permissions, name).map((one) => one.name)
      if (names.length > 1)
        throw new Error(
          `request ${JSON.stringify(name)} is answered by ${names.join(' and ')}; one app answers a request`,
        )
    }
  }
}

function answerersOf(permissions: readonly AppPermissions[], request: string): readonly App[] {
  return permissions.map(({ app }) => app).filter(({ answers }) => answers.some(({ name }) => name === request))
}
