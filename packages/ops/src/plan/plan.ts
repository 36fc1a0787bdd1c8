import type { Drop } from './drops.ts'

/** One field, in the server's own names and units; null where it is not set. */
export interface FieldUpdate {
  readonly field: string
  readonly before: unknown
  readonly after: unknown
}

/** One thing that `apply` does, in the order of the plan. */
export type Change =
  | {
      readonly action: 'create'
      readonly stream: string
      /** Of an app, or the cursor through which dead letters are watched. */
      readonly consumer?: string
      readonly fields: readonly FieldUpdate[]
    }
  | {
      readonly action: 'update'
      readonly stream: string
      readonly consumer?: string
      readonly fields: readonly FieldUpdate[]
      /** Told from the hash that the stream was tagged with, where it has one. */
      readonly because?: 'declared otherwise since' | 'changed by hand'
      /** Limits that are below what the stream holds: the server removes what is over them at once. */
      readonly drops?: readonly Drop[]
    }
  /** A stream recreated with its messages, which the server cannot change. `resumes`: an earlier run was cut off. */
  | {
      readonly action: 'migrate'
      readonly stream: string
      readonly fields: readonly FieldUpdate[]
      readonly resumes?: true
      /** Limits that are below what the stream holds: what is over them is not carried over. */
      readonly drops?: readonly Drop[]
    }
  /** A consumer recreated at its position, which the server cannot change. */
  | {
      readonly action: 'move'
      readonly stream: string
      readonly consumer: string
      readonly fields: readonly FieldUpdate[]
    }
  /** A consumer that a run has paused and was cut off before it let it go on. */
  | {
      readonly action: 'resume'
      readonly stream: string
      readonly consumer: string
      readonly fields: readonly FieldUpdate[]
      readonly waiting: number
    }
  | { readonly action: 'destroy'; readonly stream: string; readonly consumer?: string; readonly messages: number }
  /**
   * What kits before 1.0 kept beside a stream: what its advisories say becomes dead letters, and it goes. `unlimited` are
   * consumers of which the server still gives up messages, with their bound; they get none.
   */
  | {
      readonly action: 'retire'
      /** The stream of advisories. */
      readonly stream: string
      /** The declared stream beside which it is. */
      readonly of: string
      readonly advisories: number
      readonly unlimited: readonly { readonly consumer: string; readonly maxDeliver: number }[]
    }
  /** Redriven messages of which the reader is gone: they become dead letters again. */
  | {
      readonly action: 'return'
      /** The stream of redriven messages. */
      readonly stream: string
      /** The declared stream beside which it is, and the consumer that had failed. */
      readonly of: string
      readonly consumer: string
      readonly copies: number
    }
  /** The server cannot change it, and there is no way that `apply` could go: it refuses the whole plan. */
  | {
      readonly action: 'blocked'
      readonly stream: string
      readonly consumer?: string
      readonly fields: readonly FieldUpdate[]
      readonly wayOut: string
    }

/** What `apply` leaves alone, and why. */
export type Note =
  /** A stream of advisories that cannot be retired yet, and who reads it; empty where consumers were left out. */
  | {
      readonly kind: 'not_retired'
      readonly stream: string
      readonly readers: readonly string[]
      readonly advisories: number
    }
  /** It was paused on the broker, and it was no run of `apply`. */
  | {
      readonly kind: 'paused'
      readonly stream: string
      readonly consumer: string
      readonly forMs: number
      readonly waiting: number
    }
  /** `--destroy` names what is not there, or what nothing of this plan destroys: done before, or never there. */
  | { readonly kind: 'nothing_to_destroy'; readonly stream: string; readonly isThere: boolean }
  | { readonly kind: 'unknown'; readonly stream: string; readonly consumer?: string; readonly messages: number }

/** What was asked for: `apply` with a plan's file asks the same again. */
export interface PlanOptions {
  /** Leave consumers, and so the apps' declarations, out. */
  readonly streamsOnly: boolean
  /** How the apps consume, which the code does not know. Not given: consumers stay as they are. */
  readonly mode?: 'pull' | 'push'
  /** Copies of each stream. Not given: new streams get their declaration's, existing ones keep theirs. */
  readonly replicas?: number
  /** Streams (`NAME`) and consumers (`STREAM/NAME`) that are not declared and are to go. */
  readonly destroy: readonly string[]
}

/** The number of copies is a deployment's: read from its environment once, when the plan is made. */
export function replicasOf({ replicas }: Pick<PlanOptions, 'replicas'>): Pick<PlanOptions, 'replicas'> {
  return replicas === undefined ? {} : { replicas }
}

export function modeOf({ mode }: Pick<PlanOptions, 'mode'>): Pick<PlanOptions, 'mode'> {
  return mode === undefined ? {} : { mode }
}

export interface Plan {
  readonly version: 1
  readonly options: PlanOptions
  /** The hash of what the plan rests on: the declarations, the streams that were seen, and the changes. */
  readonly fingerprint: string
  readonly changes: readonly Change[]
  readonly notes: readonly Note[]
  /** The hash of everything above, for `apply` to refuse a file that says something else than was written. */
  readonly seal: string
}

const ENDS: ReadonlySet<Change['action']> = new Set(['destroy', 'migrate', 'move'])

/** Whether it ends messages, a stream or a consumer, be it to recreate it, and so needs a person to type its name. */
export function destroys(change: Change): boolean {
  return ENDS.has(change.action) || (change.action === 'update' && change.drops !== undefined)
}

/** As a person types it to have it destroyed. */
export function nameOf({ stream, consumer }: { readonly stream: string; readonly consumer?: string }): string {
  return consumer === undefined ? stream : `${stream}/${consumer}`
}
