import type { App } from '@alarm-bus/contracts'
import { listenerSubject } from '@alarm-bus/nats-kit/admin'
import type { AppPermissions } from './app-permissions.ts'

/** A subject that goes from an app's account to others', for the apps that are called so. */
export interface HeardSubject {
  readonly subject: string
  readonly apps: readonly string[]
}

/** What the app publishes at most once, and who hears it. From account to account: a service import goes no further. */
export function heardFrom(app: App, all: readonly AppPermissions[]): readonly HeardSubject[] {
  return app.publishes
    .map((channel) => ({
      subject: listenerSubject(channel),
      apps: othersOf(app, all).flatMap((other) => (other.hears.includes(channel) ? [other.name] : [])),
    }))
    .filter(({ apps }) => apps.length > 0)
}

/** What the app hears, and from whom. What it publishes itself it hears in its own account. */
export function heardBy(app: App, all: readonly AppPermissions[]): readonly HeardSubject[] {
  return app.hears.map((channel) => ({
    subject: listenerSubject(channel),
    apps: othersOf(app, all).flatMap((other) => (other.publishes.includes(channel) ? [other.name] : [])),
  }))
}

/** @throws Error for two apps that each publish and hear a channel: the server takes no imports that form a cycle. */
export function assertNoCycle(permissions: readonly AppPermissions[]): void {
  const both = permissions.flatMap(({ app }) =>
    app.hears
      .filter((channel) => app.publishes.includes(channel))
      .map(({ name }) => ({ channel: name, app: app.name })),
  )
  for (const { channel, app } of both) {
    const other = both.find((one) => one.channel === channel && one.app !== app)
    if (!other) continue
    throw new Error(
      `${app} and ${other.app} each publish and hear channel ${JSON.stringify(channel)}, which the broker does not allow between accounts; use a channel for each direction`,
    )
  }
}

function othersOf(app: App, all: readonly AppPermissions[]): readonly App[] {
  return all.map((one) => one.app).filter((other) => other !== app)
}
