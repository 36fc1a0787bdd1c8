import { contracts, defineContracts, defineRequest } from '@alarm-bus/contracts'
import { checkName } from './check-channel.ts'

/** What is known of the new request so far. */
export interface RequestDraft {
  readonly name?: string | undefined
  readonly subject?: string | undefined
  readonly owner?: string | undefined
  readonly description?: string | undefined
}

/** What is wrong with what is known, or undefined. The declarations' own checks decide, so that the two agree. */
export function checkRequest({ name, subject, owner, description }: RequestDraft): string | undefined {
  if (description?.trim() === '') return 'description is empty; say in one sentence what is asked'
  const taken = contracts.requests.find((one) => one.name === name)
  if (taken) return `request ${JSON.stringify(name)} exists already; choose another name`
  try {
    const { schema } = contracts.channels[0]
    const request = defineRequest({
      name: name ?? 'a-request-without-a-name',
      subject: subject ?? 'ask.nothing',
      owner: owner ?? 'none',
      description: 'A sentence.',
      request: schema,
      response: schema,
    })
    const { channels, streams, requests } = contracts
    defineContracts({ channels, streams, requests: [...requests, request] })
  } catch (error) {
    return (error as Error).message
  }
  return name === undefined ? undefined : checkName(name)
}
