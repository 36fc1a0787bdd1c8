import { createTraceState, isSpanContextValid, type SpanContext } from '@opentelemetry/api'
import { TRACE_PARENT, TRACE_STATE } from '../codec/headers.ts'

/** Version, trace, span, flags; what a later version puts behind them is skipped, as W3C asks. */
const PARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/
const MAX_CHARACTERS = 512

/** W3C Trace Context as headers of a message. */
export function traceHeaders(of: SpanContext): Record<string, string> {
  // Of a span that is suppressed.
  if (!isSpanContextValid(of)) return {}
  const { traceId, spanId, traceFlags, traceState } = of
  const flags = (traceFlags & 0xff).toString(16).padStart(2, '0')
  const parent = { [TRACE_PARENT]: `00-${traceId}-${spanId}-${flags}` }
  const state = traceState?.serialize() ?? ''
  // A vendor's own notes: without them the trace is still one.
  return state === '' || state.length > MAX_CHARACTERS || !/^[\u0020-\u007e]+$/.test(state)
    ? parent
    : { ...parent, [TRACE_STATE]: state }
}

/** What a message's headers say of its trace. Undefined for none and for what is no valid one: anyone may have written it. */
export function readTraceHeaders(header: (name: string) => string | undefined): SpanContext | undefined {
  const parent = header(TRACE_PARENT)
  if (parent === undefined || parent.length > MAX_CHARACTERS) return undefined
  const [, version, traceId = '', spanId = '', flags = '', rest] = PARENT.exec(parent) ?? []
  if (version === undefined || version === 'ff' || (version === '00' && rest !== undefined)) return undefined
  const state = header(TRACE_STATE)
  const context: SpanContext = {
    traceId,
    spanId,
    traceFlags: Number.parseInt(flags, 16) & 1,
    isRemote: true,
    ...(state !== undefined && state.length <= MAX_CHARACTERS && { traceState: createTraceState(state) }),
  }
  return isSpanContextValid(context) ? context : undefined
}
