import { type CopiesWithoutReader, OrphanReason, type PrunedConsumer } from '@alarm-bus/nats-kit/admin'
import { showMessages } from '../plan/units.ts'

/** One consumer in a line: whose it was, how long nothing happened to it, what it leaves unread, and what is done. */
export function describePruned(pruned: PrunedConsumer): string {
  const { stream, consumer, idleMs, unread, unsettled } = pruned
  const left = unread + unsettled === 0 ? 'nothing unread' : `${unread} unread, ${unsettled} unsettled`
  const action = pruned.action === 'kept' ? `kept (${pruned.because})` : pruned.action
  return `${stream} ${consumer}: ${action}; ${reasonOf(pruned)}, idle for ${describeAge(idleMs)}, ${left}`
}

function reasonOf({ reason, app }: PrunedConsumer): string {
  if (reason === OrphanReason.Untagged) return 'without the kit’s tag'
  return reason === OrphanReason.UnknownApp ? `made for ${app}, an unknown app` : `made for ${app}`
}

function describeAge(ms: number): string {
  if (ms >= 172_800_000) return `${Math.floor(ms / 86_400_000)} d`
  if (ms >= 7_200_000) return `${Math.floor(ms / 3_600_000)} h`
  return ms >= 120_000 ? `${Math.floor(ms / 60_000)} m` : `${Math.floor(ms / 1_000)} s`
}

/** Messages that were sent to a consumer and lie there, and what to do. */
export function describeCopies({ consumer, copies }: CopiesWithoutReader): string {
  return `${showMessages(copies)} redriven to ${consumer}, which has no reader: start its app, or \`pnpm ops apply\` makes dead letters of them again`
}
