import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { hostname } from 'node:os'
import { PlanError } from './plan-error.ts'
import type { Migrator } from './session.ts'

type Client = Migrator['connection']['client']

/** Where each `apply` says that it is at work; nats.admin.conf allows it. Nothing of it stays on the broker. */
export const APPLY_SUBJECT = 'alarm-bus.apply'
/** How long another one has to say so. */
const ANSWER_MS = 300
const AGAIN_MS = 500

/** Who is at work, and since when. */
interface Worker {
  readonly id: string
  readonly who: string
  readonly since: string
}

/** `looks`: only reads, and begins nothing. */
type Said = Worker & { readonly says: 'asks' | 'looks' | 'holds' }

export interface ApplyLockEvents {
  /** Another one is at work; told once. */
  readonly onWait: (other: string) => void
  /** Two have begun at the same moment, and the other one goes on. */
  readonly onLost: (other: string) => void
  /** The broker's files are older than this lock, so others are not noticed. */
  readonly onDenied: (why: string) => void
}

/**
 * One `apply` at a time: who begins asks whether another one is at work, and goes on answering that question itself. It ends
 * with the connection, so one that was killed holds up no other.
 */
export class ApplyLock implements Disposable {
  readonly #client: Client
  readonly #me = worker()
  readonly #subscription: ReturnType<Client['subscribe']>
  readonly #told: ApplyLockEvents
  #isHeld = false
  #other: Worker | undefined

  constructor(client: Client, told: ApplyLockEvents) {
    this.#client = client
    this.#told = told
    this.#subscription = client.subscribe(APPLY_SUBJECT, {
      callback: (error, message) => {
        if (error) this.#told.onDenied(error.message)
        else this.#hear(message.json<Said>())
      },
    })
  }

  /**
   * Waits until no other one is at work.
   *
   * @throws PlanError `apply_running` when `waitMs` is over.
   */
  async acquire(waitMs: number): Promise<void> {
    const endsAt = performance.now() + waitMs
    for (let attempt = 1; ; attempt++) {
      this.#other = undefined
      this.#say('asks')
      await sleep(ANSWER_MS)
      const other = this.#other as Worker | undefined
      if (other === undefined) break
      if (performance.now() > endsAt)
        throw new PlanError('apply_running', `another apply is running (${shown(other)}); nothing was done`)
      if (attempt === 1) this.#told.onWait(shown(other))
      await sleep(AGAIN_MS)
    }
    this.#isHeld = true
    this.#say('holds')
  }

  [Symbol.dispose](): void {
    this.#subscription.unsubscribe()
  }

  #hear(said: Said): void {
    if (said.id === this.#me.id) return
    if (said.says !== 'holds') {
      // Of two that ask at the same time the one that began first goes on.
      if (this.#isHeld || (said.says === 'asks' && isBefore(this.#me, said))) this.#say('holds')
    } else if (!this.#isHeld) this.#other = said
    else if (isBefore(said, this.#me)) this.#told.onLost(shown(said))
  }

  #say(says: Said['says']): void {
    if (!this.#client.isClosed()) this.#client.publish(APPLY_SUBJECT, JSON.stringify({ ...this.#me, says }))
  }
}

function isBefore(one: Worker, other: Worker): boolean {
  return one.since === other.since ? one.id < other.id : one.since < other.since
}

function shown({ who, since }: Worker): string {
  return `${who}, since ${since}`
}

function worker(): Worker {
  return { id: randomUUID(), who: `process ${process.pid} on ${hostname()}`, since: new Date().toISOString() }
}

/** Asks which `apply` is at work, without waiting for the answer; `found` has it once it came. */
export function lookForApply(client: Client): { readonly found: () => string | undefined } & Disposable {
  let found: string | undefined
  const subscription = client.subscribe(APPLY_SUBJECT, {
    callback: (error, message) => {
      if (error) return
      const said = message.json<Said>()
      if (said.says === 'holds') found = shown(said)
    },
  })
  client.publish(APPLY_SUBJECT, JSON.stringify({ ...worker(), says: 'looks' } satisfies Said))
  return { found: () => found, [Symbol.dispose]: () => subscription.unsubscribe() }
}
