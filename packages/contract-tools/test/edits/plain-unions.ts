import { z } from 'zod'
import { email, field, n, phone, s, type Row } from './row.ts'

export const plain: readonly Row[] = [
  field(
    'a literal more beside numbers',
    'backward',
    () => z.union([z.literal('auto'), n]),
    () => z.union([z.literal('auto'), z.literal('off'), n]),
  ),
  field(
    'literals as an enum beside numbers',
    'full',
    () => z.union([z.literal('a'), z.literal('b'), n]),
    () => z.union([z.enum(['a', 'b']), n]),
  ),
  field(
    'numbers beside a literal',
    'backward',
    () => z.literal('auto'),
    () => z.union([z.literal('auto'), n]),
  ),
  field(
    'plain objects: an optional field more',
    'full',
    () => z.union([email, phone]),
    () => z.union([email.extend({ name: s.optional() }), phone]),
  ),
  field(
    'plain objects: a bound loosened',
    'backward',
    () => z.union([z.object({ email: s.max(9) }), phone]),
    () => z.union([email, phone]),
  ),
  field(
    'plain objects: one more',
    'backward',
    () => z.union([email, phone]),
    () => z.union([email, phone, z.object({ fax: s })]),
  ),
  field(
    'plain objects that share their fields: an optional field more',
    'full',
    () => z.union([z.object({ x: s, y: s }), z.object({ x: s })]),
    () => z.union([z.object({ x: s, y: s, z: n.optional() }), z.object({ x: s })]),
  ),
  field(
    'a union of one',
    'full',
    () => s,
    () => z.union([s]),
  ),
  field(
    'nullable twice',
    'full',
    () => s.nullable(),
    () => s.nullable().nullable(),
  ),
  field(
    'a list, then what holds it',
    'backward',
    () => z.enum(['a', 'b']),
    () => s,
  ),
]
