/**
 * Does `act` for 0 to `count` − 1 with at most `limit` under way, each awaited on its own. Rejects with the first
 * failure.
 */
export async function inFlight(count: number, limit: number, act: (n: number) => Promise<unknown>): Promise<void> {
  let next = 0
  const lane = async (): Promise<void> => {
    while (next < count) await act(next++)
  }
  await Promise.all(Array.from({ length: Math.min(limit, count) }, lane))
}
