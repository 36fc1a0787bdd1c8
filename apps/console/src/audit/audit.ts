import { randomUUID } from 'node:crypto'
import { consoleAudit, type MessageInputOf } from '@alarm-bus/contracts'
import type { Bus } from '@alarm-bus/nats-kit'
import { lookAtStream } from '@alarm-bus/nats-kit/admin'
import { Problem, type ServiceLogger } from '@alarm-bus/service'
import type { AuditPage, AuditRecord, Role } from '../api.ts'
import type { Session } from '../auth/sessions.ts'

const STREAM = 'CONSOLE_AUDIT'
const MAX_TEXT_CHARACTERS = 1_000

type Message = MessageInputOf<typeof consoleAudit>

/** Who does what from where. */
export interface Act {
  readonly session: Pick<Session, 'person'>
  readonly from: string
  readonly action: AuditRecord['action']
  readonly target: string
}

/** An act whose beginning is stored; its end is told once. */
export interface BegunAct {
  readonly end: (outcome: 'done' | 'failed' | 'refused' | 'stopped', detail: string) => Promise<void>
}

export interface Audit {
  /**
   * Stores that something begins. To be awaited before anything is done.
   *
   * @throws Problem 503 where the record cannot be stored: then nothing may be done.
   */
  begin(act: Act): Promise<BegunAct>
  /** The newest first. `before`: older than this sequence. */
  list(limit: number, before: number | undefined): Promise<AuditPage>
}

export function createAudit(bus: Pick<Bus, 'publisher' | 'read' | 'connection'>, logger: ServiceLogger): Audit {
  const store = (message: Message): Promise<unknown> => bus.publisher.publish(consoleAudit, message)
  return {
    async begin({ session, from, action, target }) {
      const of = {
        actionId: randomUUID(),
        action,
        who: session.person.name,
        role: session.person.role,
        from: from.slice(0, 64),
        target: target.slice(0, MAX_TEXT_CHARACTERS),
      }
      try {
        await store({ ...of, outcome: 'begun', detail: '' })
      } catch (cause) {
        throw new Problem({
          status: 503,
          slug: 'no-audit-record',
          title: 'Nothing was done',
          detail: 'the record of it could not be stored, and nothing is done without one; try again',
          retryAfterSeconds: 3,
          cause,
        })
      }
      return {
        async end(outcome, detail) {
          const message = { ...of, outcome, detail: detail.slice(0, MAX_TEXT_CHARACTERS) }
          logger.info({ event: 'consoleAction', ...message }, `${action} by ${of.who}: ${outcome}`)
          // It has happened, so the log keeps what the stream does not take.
          await store(message).catch((error: unknown) =>
            logger.error({ event: 'auditNotStored', ...message, err: error }, 'the record of an action was not stored'),
          )
        },
      }
    },
    async list(limit, before) {
      const last = (await lookAtStream(bus.connection, STREAM))?.state.last_seq ?? 0
      const to = Math.min(last, (before ?? last + 1) - 1)
      if (to < 1) return { records: [], next: null }
      const from = Math.max(1, to - limit + 1)
      const records: AuditRecord[] = []
      const reading = bus.read(consoleAudit, { from: { sequence: from }, to: { sequence: to }, maxMessages: limit })
      for await (const item of reading) {
        if (item.kind !== 'message') continue
        const { message, seq, storedAt } = item
        const { action, role, ...rest } = message
        records.push({
          ...rest,
          seq,
          atMs: storedAt.getTime(),
          action: action as AuditRecord['action'],
          role: role as Role,
        })
      }
      return { records: records.reverse(), next: from > 1 ? from : null }
    },
  }
}
