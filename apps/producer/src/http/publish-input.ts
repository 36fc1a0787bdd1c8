import { z } from 'zod'

/** `?ttlSeconds=`: whole seconds from 1. An unknown parameter is refused: a misspelt one would be a message without its TTL. */
export function publishQuery(maxTtlSeconds: number) {
  const ttlSeconds = z
    .unknown()
    // For the document; what is checked is below, since a query holds text.
    .meta({
      type: 'integer',
      minimum: 1,
      maximum: maxTtlSeconds,
      description: 'Seconds after which the message leaves the stream. Without it the stream’s own age limit counts.',
    })
    .transform((value, context) => {
      const seconds = typeof value === 'string' && /^\d{1,10}$/.test(value) ? Number(value) : 0
      if (seconds >= 1 && seconds <= maxTtlSeconds) return seconds
      context.addIssue(`must be a whole number of seconds from 1 to ${maxTtlSeconds}`)
      return z.NEVER
    })
  return z.strictObject({ ttlSeconds: ttlSeconds.optional() })
}

/**
 * `Idempotency-Key`: the message id. Node has taken the blanks around it away, and reads a header's bytes as Latin-1,
 * which most clients mean otherwise: a key is ASCII, so that it is the same for both sides.
 */
export function publishHeaders(maxKeyCharacters: number) {
  return z.object({
    'idempotency-key': z
      .string()
      .min(1, 'must not be empty; leave the header out for a message without a key')
      .max(maxKeyCharacters, `must have at most ${maxKeyCharacters} characters`)
      .refine(
        (key) => /^[\u0020-\u007e]*$/.test(key),
        'must have ASCII characters only, and no control characters; encode others, for instance as percent-encoded UTF-8',
      )
      .optional()
      .meta({
        description: 'The same key with the same message is stored once; with another message it is refused.',
      }),
  })
}

export const publishReceipt = z.object({
  id: z
    .string()
    .meta({ description: 'The message id: the idempotency key, or what it is for this client, or a fresh one.' }),
  stream: z.string().meta({ description: 'The stream that stores the message.' }),
  seq: z.int().meta({ description: 'The message’s sequence in the stream.' }),
  duplicate: z.boolean().meta({ description: 'The stream held this message already; nothing new was stored.' }),
})

const problemBody = z
  .looseObject({
    type: z.string(),
    title: z.string(),
    status: z.number(),
    detail: z.string(),
    instance: z.string(),
    errors: z
      .array(
        z.object({ in: z.enum(['body', 'query', 'header']), path: z.string(), code: z.string(), message: z.string() }),
      )
      .optional(),
  })
  .meta({ description: 'A problem as RFC 9457 describes it.' })

/** A failure's answer, as the document shows it. */
export function problemResponse(description: string) {
  return { description, content: { 'application/problem+json': { schema: problemBody } } }
}
