/** The keys in a consumer's metadata that say whose it is. */
const APP_KEY = 'alarm-bus.app'
const MADE_BY_KEY = 'alarm-bus.made-by'
const MADE_BY = 'nats-kit'

/** What the kit writes on every consumer it makes: that it did, and for which app. */
export function ownerTag(app: string): Record<string, string> {
  return { [APP_KEY]: app, [MADE_BY_KEY]: MADE_BY }
}

/** The app that the kit made the consumer for; undefined where something else made it, or a kit older than the tag. */
export function ownerOf(metadata: Readonly<Record<string, string>> | undefined): string | undefined {
  return metadata?.[MADE_BY_KEY] === MADE_BY ? metadata[APP_KEY] : undefined
}
