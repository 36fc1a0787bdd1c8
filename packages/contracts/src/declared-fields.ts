import { ContractError } from './contract-error.ts'

/** Characters of a name: it becomes part of consumer names, permissions and URLs. */
const NAME = /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/
const MAX_NAME_CHARACTERS = 64
const MAX_SUBJECT_CHARACTERS = 200

// `what` is the thing that is declared, for the error: `channel "alarm-to-bot"`.

/** @throws ContractError unless it is kebab case. */
export function assertName(what: string, name: string): void {
  if (NAME.test(name) && name.length <= MAX_NAME_CHARACTERS) return
  throw new ContractError(
    `${what}: the name must be kebab case (a-z, 0-9, "-"), at most ${MAX_NAME_CHARACTERS} characters`,
  )
}

/** The server stores a publish on `t.*` as it is, so a wildcard or an empty token has to be refused here. */
export function assertSubject(what: string, subject: string): void {
  const refuse = (why: string): never => {
    throw new ContractError(`${what}: subject ${JSON.stringify(subject)} ${why}`)
  }
  if (subject.length === 0) refuse('is empty')
  if (subject.length > MAX_SUBJECT_CHARACTERS) refuse(`is longer than ${MAX_SUBJECT_CHARACTERS} characters`)
  if (/[\s\u0000-\u001f\u007f]/.test(subject)) refuse('contains a blank or a control character')
  if (/[*>]/.test(subject)) refuse(`contains a wildcard; a ${what.split(' ', 1)[0]} is one literal subject`)
  if (subject.split('.').includes('')) refuse('has an empty token')
  if (subject.startsWith('$') || subject.startsWith('_'))
    refuse('starts with "$" or "_", which the broker keeps for itself')
}

export function assertWholeNumber(what: string, field: string, value: number): void {
  if (Number.isSafeInteger(value) && value >= 1) return
  throw new ContractError(`${what}: ${field} must be a whole number from 1, not ${value}`)
}
