import { createTraceState, TraceFlags } from '@opentelemetry/api'
import { expect, test } from 'vitest'
import { readTraceHeaders, traceHeaders } from './trace-headers.ts'

const TRACE = 'a'.repeat(32)
const SPAN = 'b'.repeat(16)
const read = (traceparent: string | undefined, tracestate?: string) =>
  readTraceHeaders((name) => (name === 'traceparent' ? traceparent : tracestate))

test('what is written is read again', () => {
  const traceState = createTraceState('vendor=1,other=2')
  const written = traceHeaders({ traceId: TRACE, spanId: SPAN, traceFlags: TraceFlags.SAMPLED, traceState })
  expect(written).toEqual({ traceparent: `00-${TRACE}-${SPAN}-01`, tracestate: 'vendor=1,other=2' })
  const again = read(written['traceparent'], written['tracestate'])
  expect(again).toMatchObject({ traceId: TRACE, spanId: SPAN, traceFlags: 1, isRemote: true })
  expect(again?.traceState?.serialize()).toBe('vendor=1,other=2')
})

test('a later version is read as far as it is known', () => {
  expect(read(`01-${TRACE}-${SPAN}-03-more`)).toMatchObject({ traceId: TRACE, traceFlags: 1 })
})

test.each([
  undefined,
  '',
  'garbage',
  `00-${TRACE}-${SPAN}-01-more`,
  `ff-${TRACE}-${SPAN}-01`,
  `00-${'0'.repeat(32)}-${SPAN}-01`,
  `00-${TRACE}-${'0'.repeat(16)}-01`,
  `00-${TRACE.toUpperCase()}-${SPAN}-01`,
  `00-${TRACE}-${SPAN}-1`,
  `00-${TRACE}-${SPAN}`,
  `01-${TRACE}-${SPAN}-01-${'x'.repeat(512)}`,
])('no context is read from %j', (traceparent) => {
  expect(read(traceparent)).toBeUndefined()
})

test.each(['x'.repeat(513), '=,=,=', 'no pair'])('the trace is one without the vendor’s notes %j', (tracestate) => {
  const context = read(`00-${TRACE}-${SPAN}-01`, tracestate)
  expect([context?.traceId, context?.traceState?.serialize() ?? '']).toEqual([TRACE, ''])
})

test('nothing is written of a span that is suppressed', () => {
  expect(traceHeaders({ traceId: '0'.repeat(32), spanId: '0'.repeat(16), traceFlags: 0 })).toEqual({})
})
