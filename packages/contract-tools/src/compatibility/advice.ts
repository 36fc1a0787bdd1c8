import { ChangeKind } from './difference.ts'

/** What to do in place of a breaking change. */
const ADVICE: Partial<Readonly<Record<ChangeKind, string>>> = {
  [ChangeKind.FieldAddedRequired]: 'make it optional or give it a default',
  [ChangeKind.FieldRemoved]: 'leave it in as optional; take it out with a new version',
  [ChangeKind.FieldBecameRequired]: 'leave it optional and let the handler do without it',
  [ChangeKind.FieldBecameOptional]: 'leave it required, or give it a default, which publishers fill in',
  [ChangeKind.TypeWidened]: 'add a field of the new type beside it',
  [ChangeKind.TypeNarrowed]: 'add a field of the new type beside it',
  [ChangeKind.TypeChanged]: 'add a field of the new type beside it',
  [ChangeKind.EnumValueRemoved]: 'leave the value in and stop sending it',
  [ChangeKind.BoundTightened]: 'leave the bound and let the handler decide',
  [ChangeKind.SubjectChanged]: 'leave the subject; a new one belongs to a new version',
  [ChangeKind.StreamChanged]: 'leave it in its stream; a new version may be in another',
  [ChangeKind.VersionLowered]: 'a version only rises',
  [ChangeKind.ChannelRemoved]: 'leave it until the next version has been released beside it and no app declares it',
  [ChangeKind.LimitLowered]:
    'leave the limit; a new version of the channel may be in another stream, or under another limit',
  [ChangeKind.StreamOptionChanged]: 'leave it; a new version of the channel may be in another stream',
  [ChangeKind.ErrorAdded]: 'answer with an error that is declared, or with a request of another name beside this one',
  [ChangeKind.ErrorRemoved]: 'leave it declared and stop answering with it',
  [ChangeKind.RequestRemoved]: 'leave it until no app asks or answers it',
  [ChangeKind.UnionChanged]: 'use a discriminated union, whose members can be told apart',
}

/** One sentence of advice; what is not named above has the one way out that always works. */
export function adviceFor(kind: ChangeKind): string {
  return ADVICE[kind] ?? 'declare a new version beside this one (defineVersion)'
}
