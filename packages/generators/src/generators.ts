import type { PlopTypes } from '@turbo/gen'
import { contracts } from '@alarm-bus/contracts'
import { appActions } from './app-actions.ts'
import { channelActions } from './channel-actions.ts'
import { checkApp, KINDS } from './check-app.ts'
import { checkChannel } from './check-channel.ts'
import { checkRequest, NO_STREAM } from './check-request.ts'
import { requestActions } from './request-actions.ts'

/** Tells @turbo/gen what can be made. The order of the questions is the order of the answers in `flags.ts`. */
export function generators(plop: PlopTypes.NodePlopAPI): void {
  plop.setHelper('quoted', (value: unknown) => JSON.stringify(value))
  plop.setHelper('names', (own: string, others: readonly string[]) => [own, ...others].toSorted().join(', '))
  plop.setGenerator('app', {
    description: 'An app with its permissions, container and tests',
    prompts: [
      ask('name', 'Its name, in kebab case:', (name) => checkApp({ name })),
      { type: 'list', name: 'kind', message: 'What does it do?', choices: [...KINDS] },
      {
        type: 'checkbox',
        name: 'channels',
        message: 'Which channels does it handle, or publish on?',
        choices: contracts.channels.map(({ name }) => name),
        validate: (chosen: readonly unknown[]) => chosen.length > 0 || 'choose one at least',
      },
      ask('owner', 'The team to ask:', (owner) => checkApp({ owner })),
      ask('description', 'What it does, in one sentence:', (description) => checkApp({ description })),
    ],
    actions: (answers) => appActions(answers as Parameters<typeof appActions>[0]),
  })
  plop.setGenerator('channel', {
    description: 'A channel that the producer has a route for',
    prompts: [
      ask('name', 'Its name, in kebab case:', (name) => checkChannel({ name })),
      ask('subject', 'Its subject, as order.placed:', (subject) => checkChannel({ subject })),
      {
        type: 'list',
        name: 'stream',
        message: 'The stream that stores its messages:',
        choices: contracts.streams.map(({ name }) => name),
      },
      ask('owner', 'The team that decides about its schema:', (owner) => checkChannel({ owner })),
      ask('description', 'What a message means, in one sentence:', (description) => checkChannel({ description })),
    ],
    actions: (answers) => channelActions(answers as Parameters<typeof channelActions>[0]),
  })
  plop.setGenerator('request', {
    description: 'A request that one app answers and others ask',
    prompts: [
      ask('name', 'Its name, in kebab case:', (name) => checkRequest({ name })),
      ask('subject', 'Its subject, as ask.order.state:', (subject) => checkRequest({ subject })),
      {
        type: 'list',
        name: 'stream',
        message: 'The stream that stores it, and its answers beside it:',
        choices: [NO_STREAM, ...contracts.streams.map(({ name }) => name)],
      },
      ask('owner', 'The team that decides about its schemas:', (owner) => checkRequest({ owner })),
      ask('description', 'What is asked, in one sentence:', (description) => checkRequest({ description })),
    ],
    actions: (answers) => requestActions(answers as Parameters<typeof requestActions>[0]),
  })
}

function ask(name: string, message: string, check: (answer: string) => string | undefined): PlopTypes.PromptQuestion {
  return { type: 'input', name, message, validate: (answer: string) => check(answer) ?? true }
}
