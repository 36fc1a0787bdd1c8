export { alarmDelivery, alarmLogged, sinkTest } from './alarm-requests.ts'
export { alarmToBot, alarmToLog } from './alarms.ts'
export { appVariable } from './app-variable.ts'
export { type CheckedMessage, checkReceived, checkToPublish, InvalidMessage, parseReceived } from './check-message.ts'
export { ContractError } from './contract-error.ts'
export { consoleAudit } from './console-audit.ts'
export { contracts } from './contracts.ts'
export { type App, type AppOptions, type Consuming, defineApp, type HandledChannel } from './define-app.ts'
export {
  type Channel,
  type ChannelOptions,
  type Compatibility,
  defineChannel,
  type MessageInputOf,
  type MessageOf,
  type PreviousVersion,
} from './define-channel.ts'
export {
  defineRequest,
  type ErrorCodeOf,
  type ErrorDetailInputOf,
  type ErrorDetailOf,
  type ErrorSchemas,
  MAX_REQUEST_TIMEOUT_MS,
  type RequestContract,
  type RequestInputOf,
  type RequestOf,
  type RequestOptions,
  type RequestPart,
  type StoredRequest,
  RESPONDER_ERRORS,
  type ResponderError,
  type ResponseInputOf,
  type ResponseOf,
} from './define-request.ts'
export { type Contracts, defineContracts } from './define-contracts.ts'
export { defineVersion, type VersionName, type VersionOptions, versionsOf } from './define-version.ts'
export { defineStream, type Stream, type StreamOptions } from './define-stream.ts'
export type { MessageIssue } from './message-issue.ts'
export type { MessageShape } from './message-shape.ts'
export type { RetryPolicy } from './retry-policy.ts'
export { basquiatStream } from './streams.ts'
export { toJsonSchema } from './to-json-schema.ts'
export { upcastMessage } from './upcast-message.ts'
