import type { App } from '@alarm-bus/contracts'
import { type CheckedChannel, type CheckInput, type JudgedDifference, missingChangeset, PROTECTED } from './checked.ts'
import { diffRequest } from './diff-request.ts'
import { BREAKS_ALL, BREAKS_NOBODY, ChangeKind, type Difference } from './difference.ts'
import type { CompatibilityMode, ReleasedRequest } from './released.ts'

/** What goes back: where new responders answer old callers, it is the old ones that read what is new. */
const OF_ANSWERS: Readonly<Record<CompatibilityMode, CompatibilityMode>> = {
  backward: 'forward',
  forward: 'backward',
  full: 'full',
  none: 'none',
}

/** Every request that was released or is declared, compared from both ends, by name. */
export function checkRequests(input: CheckInput): readonly CheckedChannel[] {
  const { released, declared } = input
  const before = released.requests ?? []
  const after = declared.requests ?? []
  const added = after.filter(({ name }) => !before.some((one) => one.name === name))
  return [
    ...before.map((request) => checkRequest(request, input)),
    ...added.map((request) => addedRequest(request, input)),
  ].sort((a, b) => (a.channel < b.channel ? -1 : 1))
}

function checkRequest(before: ReleasedRequest, input: CheckInput): CheckedChannel {
  const after = input.declared.requests?.find(({ name }) => name === before.name)
  const modes = [...new Set([before.compatibility, ...(after ? [after.compatibility] : [])])]
  const found = after ? diffRequest(before, after) : [removed(before)]
  const differences = found.map((difference): JudgedDifference => ({
    ...difference,
    breaking: isBreaking(difference, modes),
  }))
  const breaks = differences.some(({ breaking }) => breaking)
  const missing = !breaks ? [] : after ? missingForChange(before) : missingForRemoval(before, input)
  const users = requestUsersOf(before.name, input.apps)
  return {
    channel: before.name,
    outcome: !breaks ? 'compatible' : missing.length === 0 ? 'accepted' : 'breaking',
    modes,
    differences,
    publishedBy: [...new Set([...users.askedBy, ...(after ? [] : (before.askedBy ?? []))])].sort(),
    handledBy: [...new Set([...users.answeredBy, ...(after ? [] : (before.answeredBy ?? []))])].sort(),
    missing,
  }
}

function isBreaking({ breaks, sentBy }: Difference, modes: readonly CompatibilityMode[]): boolean {
  const ofDirection = modes.map((mode) => (sentBy === 'responder' ? OF_ANSWERS[mode] : mode))
  // What is of no direction, such as the subject, is everybody's.
  const guarded = new Set(ofDirection.flatMap((mode) => PROTECTED[mode]))
  return breaks.some((party) => guarded.has(party))
}

function removed({ subject }: ReleasedRequest): Difference {
  return { path: '', kind: ChangeKind.RequestRemoved, before: subject, after: null, breaks: BREAKS_ALL }
}

function addedRequest({ name, subject, compatibility }: ReleasedRequest, { apps }: CheckInput): CheckedChannel {
  const added = { path: '', kind: ChangeKind.RequestAdded, before: null, after: subject, breaks: BREAKS_NOBODY }
  const { askedBy, answeredBy } = requestUsersOf(name, apps)
  return {
    channel: name,
    outcome: 'compatible',
    modes: [compatibility],
    differences: [{ ...added, breaking: false }],
    publishedBy: askedBy,
    handledBy: answeredBy,
    missing: [],
  }
}

export function requestUsersOf(
  request: string,
  apps: readonly App[],
): { readonly askedBy: readonly string[]; readonly answeredBy: readonly string[] } {
  const namesOf = (field: 'asks' | 'answers'): readonly string[] =>
    apps.filter((app) => app[field].some(({ name }) => name === request)).map(({ name }) => name)
  return { askedBy: namesOf('asks'), answeredBy: namesOf('answers') }
}

/** Both releases of an app may run at once, and a request has one responder. */
function missingForChange({ name }: ReleasedRequest): readonly string[] {
  return [`${name} as it was released, and the change in a request of another name and subject beside it`]
}

function missingForRemoval(before: ReleasedRequest, input: CheckInput): readonly string[] {
  const { askedBy, answeredBy } = requestUsersOf(before.name, input.apps)
  const users = [...new Set([...askedBy, ...answeredBy])]
  return [
    ...(users.length === 0 ? [] : [`no app that still declares it: ${users.join(', ')}`]),
    ...missingChangeset(before.name, input),
  ]
}
