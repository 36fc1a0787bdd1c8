export { readApps } from './apps/read-apps.ts'
export { applyStreams, type ApplyStreamsOptions, type AppliedStream, type FieldUpdate } from './apply-streams.ts'
export { describeApplied } from './describe-applied.ts'
