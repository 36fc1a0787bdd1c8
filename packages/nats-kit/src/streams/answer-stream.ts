import { createHash } from 'node:crypto'
import { type App, type Contracts, ContractError, type RequestContract, type StoredRequest } from '@alarm-bus/contracts'

/** Where the answers to the stored requests of a stream are kept. */
export function answerStreamName(stream: string): string {
  return `${stream}_ANSWERS`
}

/** What the stream's answers are stored on. */
export function answerFilter(stream: string): string {
  return `answer.${stream}.*.*.*`
}

/**
 * `answer.<stream>.<request>.<asking app>.<hash of the request's id>`: one subject for each answer, so the broker takes one
 * for each id; an app may look up what it asked, and answer what it answers.
 */
export function answerSubject(stream: string, request: string, asker: string, id: string): string {
  return `answer.${stream}.${request}.${asker}.${createHash('sha256').update(id).digest('hex')}`
}

/** Where the answer on one of these subjects is asked for. */
export function answerLookupSubject(stream: string, subject: string): string {
  return `$JS.API.DIRECT.GET.${answerStreamName(stream)}.${subject}`
}

/** Where a stored request is, and how it is kept. @throws ContractError for one that is not stored. */
export function storedOf(request: RequestContract, contracts: Contracts): StoredRequest & { readonly stream: string } {
  const { name, stored } = request
  if (!stored) throw new ContractError(`request ${JSON.stringify(name)} is not a stored one`)
  return { ...stored, stream: contracts.streamOf(stored.channel).name }
}

/** The subject that an app sends a stored request on: the broker's permissions hold it to its own. */
export function storedRequestSubject({ subject }: RequestContract, asker: string): string {
  return `${subject}.${asker}`
}

/** What the broker knows a stored request by, which takes one message of an id: apps choose theirs without one another. */
export function storedRequestMessageId({ name }: RequestContract, asker: string, id: string): string {
  return `${name}.${asker}.${id}`
}

/** What an app publishes on that asks a stored request: the request, and looks at its own answers. */
export function storedRequestSubjects(app: Pick<App, 'name'>, request: RequestContract, contracts: Contracts) {
  const { stream } = storedOf(request, contracts)
  return [
    storedRequestSubject(request, app.name),
    answerLookupSubject(stream, `answer.${stream}.${request.name}.${app.name}.*`),
  ]
}

/** What an app publishes on that answers one: the answers, and looks at those that were given. */
export function storedAnswerSubjects(request: RequestContract, contracts: Contracts): readonly string[] {
  const { stream } = storedOf(request, contracts)
  const answers = `answer.${stream}.${request.name}.*.*`
  return [answers, answerLookupSubject(stream, answers)]
}
