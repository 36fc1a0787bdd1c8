import type { z } from 'zod'
import { $ZodError, parse } from 'zod/v4/core'
import type { MessageOf } from './define-channel.ts'
import { type MessageIssue, pointerToken } from './message-issue.ts'
import type { MessageShape } from './message-shape.ts'
import { collectUncarried, mayHoldUncarried } from './uncarried-values.ts'

export type CheckedMessage<C extends MessageShape> =
  | { readonly ok: true; readonly message: MessageOf<C> }
  | { readonly ok: false; readonly issues: readonly MessageIssue[] }

/** A received message that does not fit its channel's schema, and where. */
export class InvalidMessage {
  readonly issues: readonly MessageIssue[]

  constructor(issues: readonly MessageIssue[]) {
    this.issues = issues
  }
}

/** Most issues that are reported for one message, so that a hostile message cannot grow an answer or a log line. */
const MAX_ISSUES = 20

/**
 * What {@link checkReceived} does, for a consumer of very many messages: a message that fits is returned as it is,
 * with nothing made around it.
 */
export function parseReceived<C extends MessageShape>(channel: C, value: unknown): MessageOf<C> | InvalidMessage {
  try {
    return parse(channel.schema, value) as MessageOf<C>
  } catch (error) {
    if (error instanceof $ZodError) return new InvalidMessage(error.issues.slice(0, MAX_ISSUES).map(toIssue))
    throw error
  }
}

/**
 * Checks what a consumer received. A field that the schema does not know is passed over: a newer producer may add one.
 */
export function checkReceived<C extends MessageShape>(channel: C, value: unknown): CheckedMessage<C> {
  const parsed = parseReceived(channel, value)
  return parsed instanceof InvalidMessage ? { ok: false, issues: parsed.issues } : { ok: true, message: parsed }
}

/** Of each channel, found out with its first message: only few schemas let through what JSON cannot carry. */
const holdsUncarried = new WeakMap<MessageShape, boolean>()

function mayBeUncarried(channel: MessageShape): boolean {
  let may = holdsUncarried.get(channel)
  if (may === undefined) {
    may = mayHoldUncarried(channel.schema)
    holdsUncarried.set(channel, may)
  }
  return may
}

/**
 * Checks what a publisher wants to send. The same schema, and nothing may be dropped by it: a field that no consumer
 * would see is a mistake of the publisher's, at any depth. So is a value under `z.any()` or `z.unknown()` that JSON would
 * change or leave out, an issue `not_json`.
 */
export function checkToPublish<C extends MessageShape>(channel: C, value: unknown): CheckedMessage<C> {
  const checked = checkReceived(channel, value)
  if (!checked.ok) {
    // Nothing was kept to compare with, so unknown fields are told by the schema's own list.
    const issues = [...checked.issues]
    collectUnknown(channel.jsonSchema, value, '', issues)
    return { ok: false, issues }
  }
  const issues: MessageIssue[] = []
  if (mayBeUncarried(channel)) {
    collectUncarried(checked.message, issues, MAX_ISSUES)
    // What refers to itself cannot be compared either.
    if (issues.length > 0) return { ok: false, issues }
  }
  collectDropped(value, checked.message, '', issues)
  return issues.length === 0 ? checked : { ok: false, issues }
}

function collectDropped(sent: unknown, kept: unknown, path: string, issues: MessageIssue[]): void {
  if (sent === kept || typeof sent !== 'object' || sent === null || typeof kept !== 'object' || kept === null) return
  for (const key of Object.keys(sent)) {
    if (issues.length >= MAX_ISSUES) return
    const value = (sent as Record<string, unknown>)[key]
    if (Object.hasOwn(kept, key)) {
      // Most values are scalars: no path is built for them.
      if (typeof value === 'object') {
        collectDropped(value, (kept as Record<string, unknown>)[key], `${path}/${pointerToken(key)}`, issues)
      }
    } else if (value !== undefined) {
      issues.push({ path: `${path}/${pointerToken(key)}`, code: 'unrecognized_key', message: 'unknown field' })
    }
  }
}

/** As far as plain objects and lists go: which member of a union was meant is not known of a message that fits none. */
function collectUnknown(schema: unknown, value: unknown, path: string, issues: MessageIssue[]): void {
  if (typeof schema !== 'object' || schema === null || typeof value !== 'object' || value === null) return
  const { properties, items } = schema as { properties?: Readonly<Record<string, unknown>>; items?: unknown }
  for (const [key, child] of Object.entries(value)) {
    if (issues.length >= MAX_ISSUES) return
    const at = `${path}/${pointerToken(key)}`
    if (Array.isArray(value)) collectUnknown(items, child, at, issues)
    else if (properties && Object.hasOwn(properties, key)) collectUnknown(properties[key], child, at, issues)
    else if (properties && child !== undefined)
      issues.push({ path: at, code: 'unrecognized_key', message: 'unknown field' })
  }
}

function toIssue(issue: z.core.$ZodIssue): MessageIssue {
  return {
    path: issue.path.map((key) => `/${pointerToken(String(key))}`).join(''),
    code: issue.code,
    message: issue.message,
  }
}
