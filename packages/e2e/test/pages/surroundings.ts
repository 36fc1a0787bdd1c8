import { collectLogs } from '@alarm-bus/nats-kit/testing'

/** What a reader of README and docs/ has at hand: a log, and something to tell. The blocks find it under these names. */
export const logger = collectLogs()

/** Where the broker of this run is; the blocks name the one of `pnpm dev`. */
export let server = ''
export function setServer(url: string): void {
  server = url
}

/** Every message that was told, in order. */
export const told: string[] = []

/** The bot's chat: `busy` is refused once for now, `gone` once for good. */
export async function tellTheBot(
  message: string,
  { signal }: { readonly signal: AbortSignal },
): Promise<{ readonly status: number; readonly retryAfterMs: number }> {
  signal.throwIfAborted()
  told.push(message)
  const first = told.filter((earlier) => earlier === message).length === 1
  if (first && message === 'busy') return { status: 429, retryAfterMs: 300 }
  if (first && message === 'gone') return { status: 404, retryAfterMs: 0 }
  return { status: 200, retryAfterMs: 0 }
}

/** Something that is open from the start or opens later, and holds whoever comes before. */
function gate(): { readonly opened: Promise<void>; open(): void } {
  let open = (): void => undefined
  const opened = new Promise<void>((resolve) => (open = resolve))
  return { opened, open }
}

export const written: string[] = []
export const slowDisk = gate()

/** A log on a disk: `fragile` fails once, `long` takes until the disk is there. */
export async function writeDown(message: string, { signal }: { readonly signal: AbortSignal }): Promise<void> {
  signal.throwIfAborted()
  written.push(message)
  if (message === 'fragile' && written.filter((earlier) => earlier === message).length === 1)
    throw new Error('disk is away')
  if (message === 'long') await slowDisk.opened
}

export const slowPeople = gate()

export function tellSlowly(_message: string): Promise<void> {
  return slowPeople.opened
}

export const posted: string[] = []

export async function post(message: string, { signal }: { readonly signal: AbortSignal }): Promise<void> {
  signal.throwIfAborted()
  posted.push(message)
}

export const inserted: { readonly seq: number; readonly text: string }[][] = []

/** A table that takes many rows at a time. */
export async function insertAll(rows: readonly { readonly seq: number; readonly text: string }[]): Promise<void> {
  inserted.push([...rows])
}

export const handled: readonly string[] = ['by the app under test']

export const shippedOrders: string[] = []

export async function ship(orderId: string): Promise<void> {
  shippedOrders.push(orderId)
}
