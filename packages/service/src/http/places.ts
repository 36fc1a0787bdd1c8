export interface PlacesOptions {
  /** Places there are. */
  readonly most: number
  /** A client that has not moved for so long gives way to others, in milliseconds. */
  readonly idleMs: number
  /** Milliseconds that only go up; a test gives its own. */
  readonly now?: () => number
}

/** A place that is held. */
export interface Place {
  /** What holds it has come forward: it is not idle. */
  moved(): void
  /** Frees it, once. */
  leave(): void
}

export interface Places {
  /**
   * A place for one more request of this client; undefined when it has to retry later.
   *
   * - A free place is anybody's: a client alone may hold them all.
   * - When all are held, a client that has less than its share (all places through all clients) takes that of a client
   *   that has more than it, and of those the one that has stood still for longest.
   * - One that has stood still for `idleMs` is anybody's.
   *
   * @param giveWay called when another client has got the place; what holds it ends.
   */
  take(client: string, giveWay: () => void): Place | undefined
}

interface Held {
  readonly client: string
  readonly giveWay: () => void
  movedAtMs: number
}

/** Places for work that goes on for a while, so that no client has them all while others wait. */
export function createPlaces({ most, idleMs, now = () => performance.now() }: PlacesOptions): Places {
  const held = new Set<Held>()
  const heldBy = (client: string): number => {
    let count = 0
    for (const one of held) if (one.client === client) count++
    return count
  }
  const whoGivesWay = (client: string): Held | undefined => {
    const [idlest] = byIdleness(held)
    if (idlest && now() - idlest.movedAtMs >= idleMs) return idlest
    const clients = new Set([client, ...[...held].map((one) => one.client)])
    const share = Math.max(1, Math.floor(most / clients.size))
    if (heldBy(client) >= share) return undefined
    return byIdleness(held).find((one) => heldBy(one.client) > share)
  }
  return {
    take(client, giveWay) {
      if (held.size >= most) {
        const other = whoGivesWay(client)
        if (!other) return undefined
        held.delete(other)
        other.giveWay()
      }
      const mine: Held = { client, giveWay, movedAtMs: now() }
      held.add(mine)
      return { moved: () => void (mine.movedAtMs = now()), leave: () => void held.delete(mine) }
    },
  }
}

function byIdleness(held: ReadonlySet<Held>): readonly Held[] {
  return [...held].toSorted((a, b) => a.movedAtMs - b.movedAtMs)
}
