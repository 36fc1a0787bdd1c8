import type { App, Channel, Contracts, HandledChannel } from '@alarm-bus/contracts'
import { HeaderName, sharedConsumerName } from '@alarm-bus/nats-kit'
import { requestParts } from './asyncapi-requests.ts'
import { describeChannel } from './describe-channel.ts'
import { describeRetry } from './describe-retry.ts'
import { examplesOf } from './examples.ts'
import { documentSchemas, type JsonObject, schemaName } from './json-schema.ts'

export interface DocumentedBus {
  readonly contracts: Contracts
  readonly apps: readonly App[]
  /** Of the contracts package. */
  readonly version: string
}

/**
 * The bus as an AsyncAPI 3.0 document, plain data in a fixed order. It describes all apps at once: an operation is
 * called after its app, `send` where it publishes or asks and `receive` where it handles or answers.
 */
export function toAsyncApi({ contracts, apps, version }: DocumentedBus): JsonObject {
  const { channels, requests } = contracts
  const ofRequests = requestParts(requests, apps)
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'Alarm bus',
      version,
      description:
        'Every channel and request of the bus, who publishes and who handles, who asks and who answers. Made from the contracts and from what each app declares.',
      tags: apps.map(({ name, description }) => ({ name, description })),
    },
    defaultContentType: 'application/json',
    servers,
    channels: {
      ...Object.fromEntries(channels.map((channel) => [channel.name, channelObject(contracts, channel)])),
      ...ofRequests.channels,
    },
    operations: {
      ...Object.fromEntries(
        apps.flatMap((app) => [
          ...app.publishes.map((channel) => [`${app.name}_publishes_${channel.name}`, sendOperation(app, channel)]),
          ...ofChannels(app).map((handled) => [
            `${app.name}_handles_${handled.channel.name}`,
            receiveOperation(app, handled),
          ]),
          ...(['reads', 'hears'] as const).flatMap((does) =>
            app[does].map((channel) => [`${app.name}_${does}_${channel.name}`, lookOperation(app, does, channel)]),
          ),
        ]),
      ),
      ...ofRequests.operations,
    },
    components: {
      schemas: Object.assign({}, ...channels.map(documentSchemas), ofRequests.schemas),
      messages: {
        ...Object.fromEntries(channels.map((channel) => [channel.name, messageObject(channel)])),
        ...ofRequests.messages,
      },
      securitySchemes,
    },
  }
}

/** Without what it answers, which stands among the requests. */
function ofChannels({ handles }: App): App['handles'] {
  return handles.filter(({ ofRequest }) => !ofRequest)
}

const security = [{ $ref: '#/components/securitySchemes/password' }, { $ref: '#/components/securitySchemes/nkey' }]

const servers = {
  development: {
    host: '127.0.0.1:4222',
    protocol: 'nats',
    description: 'The broker that `pnpm dev` or Docker Compose starts.',
    security,
  },
  deployment: {
    host: '{host}:{port}',
    protocol: 'nats',
    description: 'The broker of a deployment: NATS_SERVERS of its apps.',
    variables: { host: { default: 'nats' }, port: { default: '4222' } },
    security,
  },
}

const securitySchemes = {
  password: {
    type: 'userPassword',
    description: 'One user for each app, with the permissions that its declaration needs and no others.',
  },
  nkey: {
    type: 'asymmetricEncryption',
    description: 'The app signs with its nkey seed; the broker knows the public key alone.',
  },
}

function channelObject(contracts: Contracts, channel: Channel): JsonObject {
  const stream = contracts.streamOf(channel)
  return {
    address: channel.subject,
    title: channel.name,
    description: describeChannel(contracts, channel),
    messages: { [channel.name]: { $ref: `#/components/messages/${channel.name}` } },
    'x-owner': channel.owner ?? null,
    'x-version': channel.version,
    'x-compatibility': channel.compatibility,
    'x-stream': {
      name: stream.name,
      maxAgeMs: stream.maxAgeMs,
      maxMessages: stream.maxMessages,
      maxBytes: stream.maxBytes,
      discard: stream.discard,
      duplicateWindowMs: stream.duplicateWindowMs,
    },
  }
}

function messageObject(channel: Channel): JsonObject {
  return {
    name: channel.name,
    title: `${channel.name}, version ${channel.version}`,
    summary: channel.description,
    contentType: 'application/json',
    headers: headersSchema(channel),
    payload: { $ref: `#/components/schemas/${schemaName(channel)}` },
    'x-max-message-bytes': channel.maxMessageBytes,
    examples: examplesOf(channel).map((payload, index) => ({ name: `example-${index + 1}`, payload })),
  }
}

function headersSchema(channel: Channel): JsonObject {
  return {
    type: 'object',
    required: [HeaderName.MessageId, HeaderName.Channel, HeaderName.Version],
    properties: {
      [HeaderName.MessageId]: {
        type: 'string',
        maxLength: 128,
        description: 'The message id: the broker stores one message of an id within the duplicate window.',
      },
      [HeaderName.Channel]: { type: 'string', const: channel.name },
      [HeaderName.Version]: { type: 'string', const: String(channel.version) },
      [HeaderName.Ttl]: { type: 'string', description: 'Time to live in whole seconds, as `60s`.' },
    },
  }
}

function sendOperation(app: App, channel: Channel): JsonObject {
  return {
    action: 'send',
    channel: { $ref: `#/channels/${channel.name}` },
    title: `${app.name} publishes ${channel.name}`,
    summary: app.description,
    tags: [{ name: app.name }],
    messages: [{ $ref: `#/channels/${channel.name}/messages/${channel.name}` }],
    'x-owner': app.owner,
  }
}

/** What an app is given beside what it handles, without a consumer of its own. */
function lookOperation(app: App, does: 'reads' | 'hears', channel: Channel): JsonObject {
  return {
    action: 'receive',
    channel: { $ref: `#/channels/${channel.name}` },
    title: `${app.name} ${does} ${channel.name}`,
    summary: app.description,
    tags: [{ name: app.name }],
    messages: [{ $ref: `#/channels/${channel.name}/messages/${channel.name}` }],
    'x-owner': app.owner,
  }
}

function receiveOperation(app: App, handled: HandledChannel): JsonObject {
  const { channel } = handled
  const consumer = sharedConsumerName(app.name, channel)
  return {
    action: 'receive',
    channel: { $ref: `#/channels/${channel.name}` },
    title: `${app.name} handles ${channel.name}`,
    summary: app.description,
    description: describeRetry(handled),
    tags: [{ name: app.name }],
    messages: [{ $ref: `#/channels/${channel.name}/messages/${channel.name}` }],
    bindings: { nats: { queue: consumer, bindingVersion: '0.1.0' } },
    'x-owner': app.owner,
    'x-consumer': consumer,
  }
}
