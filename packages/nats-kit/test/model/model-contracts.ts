import { defineChannel, defineContracts, defineStream } from '@alarm-bus/contracts'
import { z } from 'zod'

/** What a handler does with one delivery. */
export const ACTIONS = ['ok', 'slow', 'throw', 'later', 'deadLetter', 'hang', 'die'] as const
export type Action = (typeof ACTIONS)[number]

/** A broker that restarts brings its streams back in any order, so there are several. */
export const STREAMS = 4

const schema = z.object({
  id: z.string().min(1),
  /** By delivery, from the first; the last one stands for all that follow. */
  script: z.array(z.enum(ACTIONS)).min(1),
  /** At the last delivery that an app allows: before it the handler throws, after it the handler succeeds. */
  atLast: z.enum(ACTIONS).optional(),
})

export type ModelMessage = z.infer<typeof schema>

/** The action of a delivery, counted from 1. */
export function actionOf({ script, atLast }: ModelMessage, delivery: number, maxDeliver: number): Action {
  if (atLast === undefined) return script[Math.min(delivery, script.length) - 1] as Action
  if (delivery === maxDeliver) return atLast
  return delivery < maxDeliver ? 'throw' : 'ok'
}

/** The same key gives the same contracts in every process. */
export function modelContracts(key: string) {
  const channels = Array.from({ length: STREAMS }, (_, n) =>
    defineChannel({ name: `model-${n}`, subject: `${key}.model.${n}`, description: 'a model', schema }),
  )
  const streams = channels.map((channel, n) =>
    defineStream({
      name: `MODEL_${key}_${n}`,
      description: 'a model',
      channels: [channel],
      maxAgeMs: 3_600_000,
      maxMessages: 1_000_000,
      maxBytes: 64 * 1024 * 1024,
      // A full stream refuses the new: nothing that was acknowledged is dropped.
      discard: 'new',
    }),
  )
  return { channels, streams, contracts: defineContracts({ channels, streams }) }
}

/** The apps of each process: both modes, and from one delivery to three. */
export const APPS = [
  { name: 'model-one', mode: 'pull', maxDeliver: 1 },
  { name: 'model-two', mode: 'push', maxDeliver: 2 },
  { name: 'model-three', mode: 'pull', maxDeliver: 3 },
] as const

export type ModelApp = (typeof APPS)[number]

/** Messages that a handler of a process has at once. */
export const CONCURRENCY = 4
export const ACK_WAIT_MS = 1_000
export const MAX_HANDLER_MS = 2_000
/** So much later a handler that hangs loses its message. */
export const HANDLER_GRACE_MS = 500
