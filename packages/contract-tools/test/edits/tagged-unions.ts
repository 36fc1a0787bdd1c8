import { z } from 'zod'
import { a, b, c, field, more, of, s, type Row } from './row.ts'

export const tagged: readonly Row[] = [
  field(
    'nullable: a member more',
    'backward',
    () => of(a, b).nullable(),
    () => of(a, b, c).nullable(),
  ),
  field(
    'nullable: an optional field more',
    'full',
    () => of(a, b).nullable(),
    () => of(more, b).nullable(),
  ),
  field(
    'nullable from now on',
    'backward',
    () => of(a, b),
    () => of(a, b).nullable(),
  ),
  field(
    'nullish: an optional field more',
    'full',
    () => of(a, b).nullish(),
    () => of(more, b).nullish(),
  ),
  field(
    'beside a plain member: a member more',
    'backward',
    () => z.union([of(a, b), s]),
    () => z.union([of(a, b, c), s]),
  ),
  field(
    'beside a plain member: a field more',
    'full',
    () => z.union([of(a, b), s]),
    () => z.union([of(more, b), s]),
  ),
  field(
    'beside a plain member, in another order',
    'full',
    () => z.union([of(a, b), s]),
    () => z.union([s, of(a, b)]),
  ),
  field(
    'a plain member more',
    'backward',
    () => of(a, b),
    () => z.union([of(a, b), s]),
  ),
  field(
    'within another: a field more',
    'full',
    () => of(of(a, b), c),
    () => of(of(more, b), c),
  ),
  field(
    'within another: a member more',
    'backward',
    () => of(of(a, b)),
    () => of(of(a, b), c),
  ),
  field(
    'within another, by another tag',
    'full',
    () => of(a, z.discriminatedUnion('kind', [b.extend({ kind: z.literal(1) }), b.extend({ kind: z.literal(2) })])),
    () =>
      of(
        a,
        z.discriminatedUnion('kind', [
          b.extend({ kind: z.literal(1), y: s.optional() }),
          b.extend({ kind: z.literal(2) }),
        ]),
      ),
  ),
  field(
    'no longer within another',
    'full',
    () => of(of(a, b), c),
    () => of(a, b, c),
  ),
  field(
    'a tag that gains a value',
    'backward',
    () => of(z.object({ type: z.enum(['a', 'd']) }), b),
    () => of(z.object({ type: z.enum(['a', 'd', 'e']) }), b),
  ),
  field(
    'a tag that gains a value, and a field',
    'backward',
    () => of(z.object({ type: z.literal('a') }), b),
    () => of(z.object({ type: z.enum(['a', 'd']), y: s.optional() }), b),
  ),
  field(
    'a value taken out into a member of its own',
    'full',
    () => of(z.object({ type: z.enum(['a', 'd']) }), b),
    () => of(z.object({ type: z.literal('a') }), z.object({ type: z.literal('d') }), b),
  ),
  field(
    'discriminatedUnion() in place of union()',
    'full',
    () => z.union([a, b]),
    () => of(a, b),
  ),
  field(
    'tagged members of a plain union in another order',
    'full',
    () => z.union([a, b]),
    () => z.union([b, a]),
  ),
]
