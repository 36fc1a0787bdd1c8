import type { Dispatcher } from 'undici'

/** A body as text, as far as it comes: until it breaks off, runs out of time or exceeds what the client reads. Never rejects. */
export async function textOf(body: Dispatcher.ResponseData['body']): Promise<string> {
  const chunks: Buffer[] = []
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) chunks.push(chunk)
  } catch {
    // What has come is enough.
  }
  return Buffer.concat(chunks).toString('utf8')
}
