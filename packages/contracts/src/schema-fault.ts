/** Why a schema cannot be a channel's, and how to write it. */
export interface Fault {
  readonly what: string
  readonly instead: string
  /** Where nothing is promised, a rule that no schema shows may be there all the same. */
  readonly isUnseenRule: boolean
}

/** A rule that no JSON Schema shows: a change of it could not be found. */
export function unseen(what: string, instead: string): Fault {
  return {
    what: `${what} is a rule that no JSON Schema shows, so a change of it could not be found`,
    instead: `${instead}, or set compatibility to 'none'`,
    isUnseenRule: true,
  }
}

/** It gives out something else than it was given. */
export function changes(what: string, instead: string): Fault {
  return {
    what: `the schema changes what was sent (${what}), and a message has to reach its consumers as it is`,
    instead,
    isUnseenRule: false,
  }
}

/** It can be no part of a message, whatever is promised. */
export function impossible(what: string, instead: string): Fault {
  return { what, instead, isUnseenRule: false }
}
