import { z } from 'zod'
import { a, b, field, label, n, of, s, twoOf, type Row } from './row.ts'

export const bounds: readonly Row[] = [
  field(
    'int().positive() to int().min(1)',
    'full',
    () => z.int().positive(),
    () => z.int().min(1),
  ),
  field(
    'int().min(1) to int().positive()',
    'full',
    () => z.int().min(1),
    () => z.int().positive(),
  ),
  field(
    'int().lt(10) to int().max(9)',
    'full',
    () => z.int().lt(10),
    () => z.int().max(9),
  ),
  field(
    'int().min(0.5) to int().min(1)',
    'full',
    () => z.int().min(0.5),
    () => z.int().min(1),
  ),
  field(
    'number().int() to int()',
    'full',
    () => n.int(),
    () => z.int(),
  ),
  field(
    'a bound said twice',
    'full',
    () => s.min(2),
    () => s.min(1).min(2),
  ),
  field(
    'length() to min() and max()',
    'full',
    () => s.length(3),
    () => s.min(3).max(3),
  ),
  field(
    'a bound loosened',
    'backward',
    () => s.max(10),
    () => s.max(20),
  ),
  field(
    'a bound taken away',
    'backward',
    () => n.max(10),
    () => n,
  ),
  field(
    'a bound of a shared part loosened at one place',
    'backward',
    () => twoOf(label('L'), 3),
    () => twoOf(label('L'), 4),
  ),
  field(
    'a shared part loosened',
    'backward',
    () => z.array(label('L', 2)),
    () => z.array(label('L', 1)),
  ),
  field(
    'a pattern in another order',
    'full',
    () => s.regex(/a/).regex(/b/),
    () => s.regex(/b/).regex(/a/),
  ),
  field(
    'a pattern with g',
    'full',
    () => s.regex(/a/),
    () => s.regex(/a/g),
  ),
  field(
    'a format in another order',
    'full',
    () => z.url().max(9),
    () => s.check(z.url()).max(9),
  ),
  field(
    'a url of any kind',
    'backward',
    () => z.httpUrl(),
    () => z.url(),
  ),
  field(
    'a token of any kind',
    'backward',
    () => z.jwt({ alg: 'ES256' }),
    () => z.jwt(),
  ),
  field(
    'httpUrl() spelled out',
    'full',
    () => z.httpUrl(),
    () => z.url({ protocol: z.regexes.httpProtocol, hostname: z.regexes.domain }),
  ),
  field(
    'values of a record loosened',
    'backward',
    () => z.record(s, n.max(1)),
    () => z.record(s, n),
  ),
  field(
    'names of a record loosened',
    'backward',
    () => z.record(s.min(2), n),
    () => z.record(s, n),
  ),
  field(
    'one more name',
    'backward',
    () => z.partialRecord(z.enum(['a']), n),
    () => z.partialRecord(z.enum(['a', 'b']), n),
  ),
]

export const defaults: readonly Row[] = [
  field(
    'made anew',
    'full',
    () => z.uuid().default(() => crypto.randomUUID()),
    () => z.uuid().default(() => crypto.randomUUID()),
  ),
  field(
    'the present time',
    'full',
    () => z.iso.datetime().default(() => new Date(Date.now() - 60_000).toISOString()),
    () => z.iso.datetime().default(() => new Date().toISOString()),
  ),
  field(
    'the present time as a number',
    'full',
    () => n.default(() => Date.now() - 60_000),
    () => n.default(() => Date.now()),
  ),
  field(
    'in an object',
    'full',
    () => z.object({ id: s, at: n }).default(() => ({ id: crypto.randomUUID(), at: Date.now() })),
    () => z.object({ id: s, at: n }).default(() => ({ id: crypto.randomUUID(), at: Date.now() })),
  ),
  field(
    'a value, then made anew',
    'full',
    () => s.default('x'),
    () => s.default(() => crypto.randomUUID()),
  ),
  field(
    'another value',
    'full',
    () => s.default('x'),
    () => s.default('y'),
  ),
  field(
    'another value within a union',
    'full',
    () => of(a, b.extend({ z: n.default(1) })),
    () => of(a, b.extend({ z: n.default(2) })),
  ),
]
