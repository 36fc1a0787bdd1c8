import fc from 'fast-check'
import {
  anySpec,
  fieldOf,
  FORMAT_NAMES,
  hiddenSpec,
  namesSpec,
  newTag,
  numberSpec,
  omitTag,
  sharedSpec,
  stringSpec,
  valuesSpec,
  variantsOf,
} from './arbitrary-spec.ts'
import type { FieldSpec, Spec, VariantSpec } from './schema-spec.ts'

type Fields = Readonly<Record<string, FieldSpec>>

/** The schema with one thing changed somewhere in it, as a team would change it. */
export function changeOf(spec: Spec): fc.Arbitrary<Spec> {
  const here = changesHere(spec)
  const below = changesBelow(spec)
  return below.length === 0 ? fc.oneof(...here) : fc.oneof(fc.oneof(...here), ...below)
}

function changesHere(spec: Spec): fc.Arbitrary<Spec>[] {
  const anywhere: fc.Arbitrary<Spec>[] = [
    fc.constantFrom<Spec>({ kind: 'nullable', inner: spec }, { kind: 'anything' }),
    anySpec,
    anySpec.map((other) => ({ kind: 'union', members: [spec, other] })),
    anySpec.map((other) => ({ kind: 'union', members: [other, spec] })),
    hiddenSpec(spec),
  ]
  switch (spec.kind) {
    case 'string':
      return [
        ...anywhere,
        stringSpec,
        valuesSpec,
        fc.constantFrom(...FORMAT_NAMES).map((format) => ({ ...spec, format })),
        fc.constantFrom('', 'i', 'u', 's').map((flags) => ({ ...spec, flags })),
        sharedSpec,
      ]
    case 'number':
      return [...anywhere, numberSpec, numberSpec, valuesSpec]
    case 'values':
      return [...anywhere, valuesSpec, valuesSpec, stringSpec]
    case 'list':
      return [
        ...anywhere,
        fc.record({ min: fc.nat(3), max: fc.integer({ min: 3, max: 5 }) }).map((size) => ({ ...spec, ...size })),
      ]
    case 'tuple':
      return [
        ...anywhere,
        anySpec.map((item) => ({ ...spec, items: [...spec.items, item] })),
        anySpec.map((rest) => ({ ...spec, rest })),
      ]
    case 'object':
      return [
        ...anywhere,
        ...fieldChanges(spec.fields).map((change) => change.map((fields) => ({ ...spec, fields }))),
        fc.oneof(fc.constantFrom('dropped' as const, 'kept' as const), anySpec).map((others) => ({ ...spec, others })),
        anySpec.map((value) => ({ kind: 'record', names: 'any', value })),
      ]
    case 'record':
      return [
        ...anywhere,
        namesSpec.map((names) => ({ ...spec, names })),
        namesSpec.map((names) => ({ ...spec, names })),
      ]
    case 'union':
      return [
        ...anywhere,
        fc.constant({ ...spec, exclusive: !spec.exclusive }),
        anySpec.map((member) => ({ ...spec, members: [...spec.members, member] })),
        fc.constant({ ...spec, members: spec.members.toReversed() }),
        fc.constant<Spec>(
          spec.members.length > 2 ? { ...spec, members: spec.members.slice(1) } : (spec.members[0] as Spec),
        ),
        fc.constant<Spec>(
          spec.members.length > 2 ? { ...spec, members: spec.members.slice(0, -1) } : (spec.members[1] as Spec),
        ),
      ]
    case 'variants':
      return [
        ...anywhere,
        ...variantChanges(spec.members).map((change) => change.map((members) => ({ ...spec, members }))),
      ]
    case 'nullable':
      return [...anywhere, fc.constant(spec.inner)]
    case 'shared':
      return [
        ...anywhere,
        sharedSpec,
        sharedSpec.map((other) => (other.kind === 'shared' ? { ...other, part: spec.part } : other)),
      ]
    case 'hidden':
      return [...anywhere, hiddenSpec(spec.inner), fc.constant(spec.inner)]
    case 'both':
      return [...anywhere, fc.constantFrom<Spec>(spec.left, spec.right)]
    case 'tree':
      return [
        ...anywhere,
        fc.constantFrom('list' as const, 'optional' as const, 'nullable' as const).map((below) => ({ ...spec, below })),
      ]
    default:
      return anywhere
  }
}

function changesBelow(spec: Spec): fc.Arbitrary<Spec>[] {
  switch (spec.kind) {
    case 'list':
      return [changeOf(spec.item).map((item) => ({ ...spec, item }))]
    case 'tuple':
      return spec.items.map((item, index) =>
        changeOf(item).map((changed) => ({ ...spec, items: spec.items.with(index, changed) })),
      )
    case 'object':
      return fieldsBelow(spec.fields).map((change) => change.map((fields) => ({ ...spec, fields })))
    case 'record':
      return [changeOf(spec.value).map((value) => ({ ...spec, value }))]
    case 'union':
      return spec.members.map((member, index) =>
        changeOf(member).map((changed) => ({ ...spec, members: spec.members.with(index, changed) })),
      )
    case 'variants':
      return spec.members.flatMap((member, index) =>
        [...fieldChanges(member.fields), ...fieldsBelow(member.fields)].map((change) =>
          change.map((fields) => ({
            ...spec,
            members: spec.members.with(index, { ...member, fields: omitTag(fields) }),
          })),
        ),
      )
    case 'nullable':
    case 'hidden':
      return [changeOf(spec.inner).map((inner) => ({ ...spec, inner }))]
    case 'both':
      return [
        ...fieldsBelow(spec.left.fields).map((change) =>
          change.map((fields) => ({ ...spec, left: { ...spec.left, fields } })),
        ),
        ...fieldsBelow(spec.right.fields).map((change) =>
          change.map((fields) => ({ ...spec, right: { ...spec.right, fields } })),
        ),
        ...fieldChanges(spec.right.fields).map((change) =>
          change.map((fields) => ({ ...spec, right: { ...spec.right, fields } })),
        ),
      ]
    case 'tree':
      return [changeOf(spec.value).map((value) => ({ ...spec, value }))]
    default:
      return []
  }
}

/** A field more, a field less, a field that is needed or not. */
function fieldChanges(fields: Fields): fc.Arbitrary<Fields>[] {
  const names = Object.keys(fields)
  const added = fc
    .tuple(fc.constantFrom('a', 'b', 'c', 'd', 'z'), fieldOf(anySpec))
    .map(([name, field]) => ({ ...fields, [name]: field }))
  if (names.length === 0) return [added]
  const one = fc.constantFrom(...names)
  return [
    added,
    added,
    one.map((name) => Object.fromEntries(Object.entries(fields).filter(([other]) => other !== name))),
    fc.tuple(one, fc.constantFrom('exact' as const, 'said' as const)).map(([name, presence]) => ({
      ...fields,
      [name]: { ...(fields[name] as FieldSpec), presence },
    })),
    one.chain((name) =>
      fieldOf(fc.constant((fields[name] as FieldSpec).spec)).map((field) => ({ ...fields, [name]: field })),
    ),
  ]
}

/** What is under a field; one with a default loses it, since the default may no longer be valid. */
function fieldsBelow(fields: Fields): fc.Arbitrary<Fields>[] {
  return Object.entries(fields).map(([name, { spec, presence }]) =>
    changeOf(spec).map((changed) => ({
      ...fields,
      [name]: { spec: changed, presence: typeof presence === 'object' ? 'optional' : presence },
    })),
  )
}

function variantChanges(members: readonly VariantSpec[]): fc.Arbitrary<readonly VariantSpec[]>[] {
  const taken = new Set(members.flatMap(({ tags }) => tags))
  return [
    variantsOf(anySpec),
    fc.constant(members.toReversed()),
    fc.constant(members.length > 2 ? members.slice(1) : members.slice(0, 1)),
    fc.tuple(newTag, fc.nat(members.length - 1)).map(([tag, index]) => {
      const own = members.map((member) => ({ ...member, tags: member.tags.filter((other) => other !== tag) }))
      const gains = { ...(own[index] as VariantSpec), tags: [...(own[index] as VariantSpec).tags, tag] }
      return own.with(index, gains).filter(({ tags }) => tags.length > 0)
    }),
    newTag.map((tag) => (taken.has(tag) ? members : [...members, { tags: [tag], fields: {} }])),
  ]
}
