import type { App, Channel, Contracts, RequestContract, RequestPart, Stream } from '@alarm-bus/contracts'
import { usersOf } from '../compatibility/check-contracts.ts'
import { requestUsersOf } from '../compatibility/check-request.ts'
import type { JsonSchema } from '../compatibility/json-schema.ts'
import type {
  ReleasedChannel,
  ReleasedContracts,
  ReleasedPart,
  ReleasedRequest,
  ReleasedStream,
} from '../compatibility/released.ts'

/** Today's contracts as a release keeps them, with who uses each channel where the apps are known. The same contracts give the same snapshot, in whatever order they stand. */
export function takeSnapshot(contracts: Contracts, apps?: readonly App[]): ReleasedContracts {
  const byName = (a: { readonly name: string }, b: { readonly name: string }): number => (a.name < b.name ? -1 : 1)
  return {
    channels: contracts.channels
      .map((channel) => ({
        ...channelOf(channel, contracts.streamOf(channel)),
        ...(apps && usersOf(channel.name, apps)),
      }))
      .sort(byName),
    streams: contracts.streams.map(streamOf).sort(byName),
    ...(contracts.requests.length > 0 && {
      requests: contracts.requests
        .map((request) => ({ ...requestOf(request, contracts), ...(apps && requestUsersOf(request.name, apps)) }))
        .sort(byName),
    }),
  }
}

function channelOf(channel: Channel, stream: Stream): ReleasedChannel {
  const { name, version, compatibility, subject, maxMessageBytes, previous, key } = channel
  return {
    name,
    version,
    compatibility,
    subject,
    stream: stream.name,
    maxMessageBytes,
    ...(key !== undefined && { key }),
    previous: previous?.channel.name ?? null,
    schema: inOrder(channel.jsonSchema) as JsonSchema,
  }
}

function requestOf(contract: RequestContract, contracts: Contracts): ReleasedRequest {
  const { name, version, compatibility, subject, request, response, errors, stored, timeoutMs } = contract
  const parts = Object.entries(errors).toSorted(([a], [b]) => (a < b ? -1 : 1))
  return {
    name,
    version,
    compatibility,
    subject,
    request: partOf(request),
    response: partOf(response),
    errors: Object.fromEntries(parts.map(([code, part]) => [code, partOf(part)])),
    ...(stored && {
      stored: { stream: contracts.streamOf(stored.channel).name, timeoutMs, keepReplyMs: stored.keepReplyMs },
    }),
  }
}

function partOf({ maxBytes, jsonSchema }: RequestPart): ReleasedPart {
  return { maxBytes, schema: inOrder(jsonSchema) as JsonSchema }
}

function streamOf(stream: Stream): ReleasedStream {
  const { name, storage, maxAgeMs, maxMessages, maxBytes, maxMessageBytes } = stream
  const { discard, allowMessageTtl, duplicateWindowMs, replicas } = stream
  return {
    name,
    storage,
    maxAgeMs,
    maxMessages,
    maxBytes,
    maxMessageBytes,
    discard,
    allowMessageTtl,
    duplicateWindowMs,
    replicas,
  }
}

/** Keys by their names: another order of fields is no other contract. Lists keep theirs, since a union's members have one. */
function inOrder(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inOrder)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(entries.map(([key, child]) => [key, inOrder(child)]))
}
