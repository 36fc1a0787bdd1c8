export { readApps } from './apps/read-apps.ts'
export { applyStreams, type ApplyStreamsOptions, type AppliedStream } from './apply-streams.ts'
export { describeApplied } from './describe-applied.ts'
