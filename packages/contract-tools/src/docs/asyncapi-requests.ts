import type { App, RequestContract, RequestPart } from '@alarm-bus/contracts'
import { HeaderName } from '@alarm-bus/nats-kit'
import { describeRequest } from './describe-request.ts'
import { partExamplesOf } from './examples.ts'
import { documentSchemas, type JsonObject, type NamedSchema, schemaName } from './json-schema.ts'

/** One message of a request: what is asked, what is answered, or an error. */
interface Part extends NamedSchema {
  readonly part: RequestPart
  readonly summary: string
  readonly headers: JsonObject
}

/** What the requests add to the parts of the document that are called like this. */
export function requestParts(requests: readonly RequestContract[], apps: readonly App[]) {
  return {
    channels: Object.fromEntries(requests.flatMap((request) => channelsOf(request))),
    operations: Object.fromEntries(
      apps.flatMap((app) => [
        ...app.asks.map((request) => [`${app.name}_asks_${request.name}`, operation(app, request, 'send')]),
        ...app.answers.map((request) => [`${app.name}_answers_${request.name}`, operation(app, request, 'receive')]),
      ]),
    ),
    schemas: Object.assign({}, ...requests.flatMap(allParts).map(documentSchemas)) as JsonObject,
    messages: Object.fromEntries(requests.flatMap(allParts).map((part) => [part.name, messageObject(part)])),
  }
}

function askedPart({ name, version, timeoutMs, request }: RequestContract): Part {
  return {
    name: `${name}.request`,
    schema: request.schema,
    part: request,
    summary: 'What is asked.',
    headers: {
      type: 'object',
      properties: {
        [HeaderName.Request]: { type: 'string', const: name },
        [HeaderName.Version]: { type: 'string', const: String(version) },
        [HeaderName.TimeoutMs]: {
          type: 'string',
          description: `Milliseconds that the caller waits, from when it sends; ${timeoutMs} where it is left out.`,
        },
      },
    },
  }
}

function answerParts({ name, response, errors }: RequestContract): readonly Part[] {
  return [
    { name: `${name}.response`, schema: response.schema, part: response, summary: 'The answer.', headers: {} },
    ...Object.entries(errors).map(([code, part]) => ({
      name: `${name}.${code}`,
      schema: part.schema,
      part,
      summary: part.schema.description ?? `Answered as error ${code}.`,
      headers: {
        type: 'object',
        required: [HeaderName.Error],
        properties: { [HeaderName.Error]: { type: 'string', const: code } },
      },
    })),
  ]
}

function allParts(request: RequestContract): readonly Part[] {
  return [askedPart(request), ...answerParts(request)]
}

function channelsOf(request: RequestContract): readonly (readonly [string, JsonObject])[] {
  const { name, subject, owner, version, compatibility, stored } = request
  const messages = (parts: readonly Part[]): JsonObject =>
    Object.fromEntries(parts.map((part) => [part.name, { $ref: `#/components/messages/${part.name}` }]))
  const about = { 'x-owner': owner, 'x-version': version, 'x-compatibility': compatibility }
  return [
    [
      name,
      {
        address: stored ? `${subject}.{app}` : subject,
        ...(stored && { parameters: { app: { description: 'The app that asks.' } } }),
        title: name,
        description: describeRequest(request),
        messages: messages([askedPart(request)]),
        ...about,
      },
    ],
    [
      replyOf(name),
      {
        // The inbox that the caller names; that of a stored request is made of its id.
        address: null,
        title: `${name}, answers`,
        description: stored
          ? 'Kept beside the stream, one for each id, and looked up by the app that asked.'
          : 'Sent to the reply subject of the request.',
        messages: messages(answerParts(request)),
        ...about,
      },
    ],
  ]
}

function replyOf(name: string): string {
  return `${name}.reply`
}

function messageObject({ name, part, summary, headers }: Part): JsonObject {
  return {
    name,
    title: name,
    summary,
    contentType: 'application/json',
    ...(Object.keys(headers).length > 0 && { headers }),
    payload: { $ref: `#/components/schemas/${schemaName({ name, schema: part.schema })}` },
    'x-max-message-bytes': part.maxBytes,
    examples: partExamplesOf(name, part).map((payload, index) => ({ name: `example-${index + 1}`, payload })),
  }
}

function operation(app: App, request: RequestContract, action: 'send' | 'receive'): JsonObject {
  const { name } = request
  const refs = (channel: string, parts: readonly Part[]): readonly JsonObject[] =>
    parts.map((part) => ({ $ref: `#/channels/${channel}/messages/${part.name}` }))
  return {
    action,
    channel: { $ref: `#/channels/${name}` },
    title: `${app.name} ${action === 'send' ? 'asks' : 'answers'} ${name}`,
    summary: app.description,
    tags: [{ name: app.name }],
    messages: refs(name, [askedPart(request)]),
    ...(action === 'receive' &&
      !request.stored && { bindings: { nats: { queue: app.name, bindingVersion: '0.1.0' } } }),
    reply: {
      channel: { $ref: `#/channels/${replyOf(name)}` },
      messages: refs(replyOf(name), answerParts(request)),
    },
    'x-owner': app.owner,
  }
}
