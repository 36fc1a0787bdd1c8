import { connect, createServer, type Socket } from 'node:net'

/** Which way bytes go: what the client says, what the broker says, or both. */
export type Direction = 'to-broker' | 'to-client' | 'both'

/** A TCP proxy in front of a broker that can lose a network's bytes without closing anything. */
export interface FaultProxy {
  readonly url: string
  /** Connections that were accepted so far. */
  readonly accepted: number
  /**
   * Reads bytes of one or both directions and forgets them. A connection that lost bytes stays lost after `heal()`, as
   * one does that a firewall has forgotten; nobody is told.
   */
  swallow(direction: Direction): void
  /** Resets every connection, and each new one at once. */
  cut(): void
  /** New connections pass again. */
  heal(): void
  close(): Promise<void>
}

interface Pair {
  readonly client: Socket
  readonly broker: Socket
  lost: Direction | undefined
}

export async function startProxy(target: { readonly host: string; readonly port: number }): Promise<FaultProxy> {
  const pairs = new Set<Pair>()
  let swallowing: Direction | undefined
  let isCut = false
  let accepted = 0

  const drop = (pair: Pair): void => {
    pairs.delete(pair)
    pair.client.destroy()
    pair.broker.destroy()
  }

  const server = createServer((client) => {
    accepted++
    if (isCut) return void client.resetAndDestroy()
    const pair: Pair = { client, broker: connect(target), lost: swallowing }
    pairs.add(pair)
    forward(client, pair.broker, () => loses(pair, 'to-broker'))
    forward(pair.broker, client, () => loses(pair, 'to-client'))
    for (const [socket, direction] of [
      [client, 'to-broker'],
      [pair.broker, 'to-client'],
    ] as const) {
      socket.on('error', () => undefined)
      // An end is bytes too: where they are swallowed, the other side does not learn of it.
      socket.on('close', () => {
        if (!loses(pair, direction)) drop(pair)
      })
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  return {
    url: `nats://127.0.0.1:${port}`,
    get accepted() {
      return accepted
    },
    swallow(direction) {
      swallowing = direction
      for (const pair of pairs) pair.lost = direction
    },
    cut() {
      isCut = true
      for (const { client, broker } of pairs) {
        client.resetAndDestroy()
        broker.resetAndDestroy()
      }
      pairs.clear()
    },
    heal() {
      isCut = false
      swallowing = undefined
    },
    async close() {
      for (const pair of [...pairs]) drop(pair)
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function loses(pair: Pair, direction: Direction): boolean {
  return pair.lost === 'both' || pair.lost === direction
}

function forward(from: Socket, to: Socket, isLost: () => boolean): void {
  from.on('data', (bytes) => {
    if (isLost() || to.destroyed) return
    if (to.write(bytes)) return
    from.pause()
    to.once('drain', () => from.resume())
  })
}
