import type { AppNode, ChannelNode, HandleArrow, Overview } from '../../../src/api.ts'

/** A place on the map, in pixels from its top left. */
export interface Place {
  readonly top: number
  readonly height: number
}
export interface Layout {
  readonly height: number
  readonly publishers: readonly (Place & { readonly app: AppNode })[]
  readonly channels: readonly (Place & { readonly channel: ChannelNode })[]
  readonly consumers: readonly (Place & { readonly handle: HandleArrow })[]
  readonly published: readonly {
    readonly from: Place
    readonly to: Place
    readonly channel: ChannelNode
    readonly app: string
  }[]
  readonly handled: readonly { readonly from: Place; readonly to: Place; readonly handle: HandleArrow }[]
}

export const NODE_HEIGHT = 54
const GAP = 14
const CHANNEL_GAP = 18

/**
 * Each consumer stands beside its channel, so that those arrows never cross. Publishers stand at the mean height of what
 * they publish, pushed apart where they would overlap.
 */
export function layoutOf({ apps, channels, publishes, handles }: Overview): Layout {
  const placed: (Place & { channel: ChannelNode })[] = []
  const consumers: (Place & { handle: HandleArrow })[] = []
  const handled: Layout['handled'][number][] = []
  let top = 0
  for (const channel of channels) {
    const own = handles.filter((handle) => handle.channel === channel.name)
    const height = Math.max(1, own.length) * (NODE_HEIGHT + GAP) - GAP
    const place = { channel, top: top + (height - NODE_HEIGHT) / 2, height: NODE_HEIGHT }
    placed.push(place)
    own.forEach((handle, index) => {
      const consumer = { handle, top: top + index * (NODE_HEIGHT + GAP), height: NODE_HEIGHT }
      consumers.push(consumer)
      handled.push({ from: place, to: consumer, handle })
    })
    top += height + CHANNEL_GAP
  }
  const channelsHeight = Math.max(0, top - CHANNEL_GAP)

  const wanted = apps
    .map((app) => {
      const own = new Set(publishes.filter((arrow) => arrow.app === app.name).map(({ channel }) => channel))
      const tops = placed.filter(({ channel }) => own.has(channel.name)).map(({ top }) => top)
      return { app, own, top: tops.reduce((sum, one) => sum + one, 0) / Math.max(1, tops.length) }
    })
    .filter(({ own }) => own.size > 0)
    .sort((one, other) => one.top - other.top)
  const publishers: (Place & { app: AppNode })[] = []
  const published: Layout['published'][number][] = []
  let free = 0
  for (const { app, own, top: wish } of wanted) {
    const place = { app, top: Math.max(wish, free), height: NODE_HEIGHT }
    free = place.top + NODE_HEIGHT + GAP
    publishers.push(place)
    for (const to of placed) {
      if (own.has(to.channel.name)) published.push({ from: place, to, channel: to.channel, app: app.name })
    }
  }
  return { height: Math.max(channelsHeight, free - GAP), publishers, channels: placed, consumers, published, handled }
}
