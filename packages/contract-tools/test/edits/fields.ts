import { z } from 'zod'
import { a, field, label, n, phone, s, type Row } from './row.ts'

export const fields: readonly Row[] = [
  ['an optional field more', 'full', () => z.object({ a: s }), () => z.object({ a: s, b: s.optional() })],
  ['a field more that is filled in', 'full', () => z.object({ a: s }), () => z.object({ a: s, b: n.default(1) })],
  ['a field more, filled in before it is checked', 'full', () => z.object({}), () => z.object({ b: n.prefault(1) })],
  ['an optional object more', 'full', () => z.object({}), () => z.object({ b: z.object({ c: s }).optional() })],
  ['another order of fields', 'full', () => z.object({ a: s, b: n }), () => z.object({ b: n, a: s })],
  ['a field that is filled in from now on', 'full', () => z.object({ a: s }), () => z.object({ a: s.default('x') })],
  ['a field that may be left out', 'backward', () => z.object({ a: s }), () => z.object({ a: s.optional() })],
  [
    'a field less, for whom only old consumers count',
    'forward',
    () => z.object({ a: s.optional() }),
    () => z.object({}),
  ],
  [
    'one less in a list, added optional',
    'full',
    () => z.array(z.object({})),
    () => z.array(z.object({ a: n.optional() })),
  ],
  ['extend() in place of a shape', 'full', () => z.object({ a: s, b: n }), () => z.object({ a: s }).extend({ b: n })],
  ['other fields let through', 'full', () => z.object({ a: s }), () => z.looseObject({ a: s })],
  field(
    'a part taken out into a constant',
    'full',
    () => z.object({ x: s }),
    () => z.object({ x: s }).meta({ id: 'X' }),
  ),
  field(
    'one side of an intersection gets an optional field',
    'full',
    () =>
      z
        .object({ x: s })
        .meta({ id: 'Base' })
        .and(z.object({ y: n })),
    () =>
      z
        .object({ x: s, z: s.optional() })
        .meta({ id: 'Base' })
        .and(z.object({ y: n })),
  ),
  field(
    'extend() in place of an intersection',
    'full',
    () =>
      z
        .object({ x: s })
        .meta({ id: 'Base' })
        .and(z.object({ y: n })),
    () => z.object({ x: s }).extend({ y: n }),
  ),
  field(
    'readonly()',
    'full',
    () => z.array(s),
    () => z.array(s).readonly(),
  ),
  field(
    'brand()',
    'full',
    () => s,
    () => s.brand('Id'),
  ),
  field(
    'lazy()',
    'full',
    () => s,
    () => z.lazy(() => s),
  ),
]

export const words: readonly Row[] = [
  field(
    'a description',
    'full',
    () => s,
    () => s.describe('words'),
  ),
  field(
    'an example',
    'full',
    () => s.meta({ examples: ['a'] }),
    () => s.meta({ examples: ['b'] }),
  ),
  field(
    'own metadata',
    'full',
    () => n,
    () => n.meta({ unit: 'ms' }),
  ),
  field(
    'other own metadata',
    'full',
    () => n.meta({ unit: 'ms' }),
    () => n.meta({ unit: 's', owner: 'alarms' }),
  ),
  field(
    'own metadata of an object',
    'full',
    () => a,
    () => a.meta({ pii: true }),
  ),
  field(
    'own metadata in a union',
    'full',
    () => z.union([a, phone]),
    () => z.union([a.meta({ pii: true }), phone]),
  ),
  field(
    'deprecated',
    'full',
    () => s,
    () => s.meta({ deprecated: true }),
  ),
  field(
    'an error of its own',
    'full',
    () => s.min(1),
    () => s.min(1, 'words'),
  ),
  field(
    'another id',
    'full',
    () => label('Old'),
    () => label('New'),
  ),
]
