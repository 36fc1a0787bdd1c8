/** Who can be broken by a change of a contract. Of a request, a consumer is who reads that direction of it. */
export const Party = {
  /** An app that handles the channel, built with the new contract, which meets messages of the old one. */
  NewConsumer: 'new-consumer',
  /** An app that handles the channel, still built with the old contract, which meets messages of the new one. */
  OldConsumer: 'old-consumer',
  /** An app that publishes what it always published, and is built with the new contract. */
  Producer: 'producer',
} as const
export type Party = (typeof Party)[keyof typeof Party]

/** What kind of change it is; closed, so that scripts can decide by it. */
export const ChangeKind = {
  FieldAddedRequired: 'field_added_required',
  FieldAddedOptional: 'field_added_optional',
  FieldRemoved: 'field_removed',
  FieldBecameRequired: 'field_became_required',
  FieldBecameOptional: 'field_became_optional',
  UnknownFieldsRefused: 'unknown_fields_refused',
  UnknownFieldsAllowed: 'unknown_fields_allowed',
  TypeNarrowed: 'type_narrowed',
  TypeWidened: 'type_widened',
  TypeChanged: 'type_changed',
  NullAdded: 'null_added',
  NullRemoved: 'null_removed',
  EnumValueAdded: 'enum_value_added',
  EnumValueRemoved: 'enum_value_removed',
  ConstChanged: 'const_changed',
  BoundTightened: 'bound_tightened',
  BoundLoosened: 'bound_loosened',
  BoundChanged: 'bound_changed',
  PatternAdded: 'pattern_added',
  PatternRemoved: 'pattern_removed',
  PatternChanged: 'pattern_changed',
  FormatAdded: 'format_added',
  FormatRemoved: 'format_removed',
  FormatChanged: 'format_changed',
  UnionMemberAdded: 'union_member_added',
  UnionMemberRemoved: 'union_member_removed',
  UnionChanged: 'union_changed',
  TupleChanged: 'tuple_changed',
  DefaultAdded: 'default_added',
  DefaultRemoved: 'default_removed',
  DefaultChanged: 'default_changed',
  /** Of rules that no schema shows, which only a channel without a promise may have. */
  RuleAdded: 'rule_added',
  RuleRemoved: 'rule_removed',
  /** A keyword that cannot be compared here; never called compatible. */
  Unjudged: 'unjudged',
  ChannelAdded: 'channel_added',
  ChannelRemoved: 'channel_removed',
  SubjectChanged: 'subject_changed',
  StreamChanged: 'stream_changed',
  VersionRaised: 'version_raised',
  VersionLowered: 'version_lowered',
  ModeChanged: 'mode_changed',
  LimitLowered: 'limit_lowered',
  LimitRaised: 'limit_raised',
  RequestAdded: 'request_added',
  RequestRemoved: 'request_removed',
  ErrorAdded: 'error_added',
  ErrorRemoved: 'error_removed',
  StreamOptionChanged: 'stream_option_changed',
} as const
export type ChangeKind = (typeof ChangeKind)[keyof typeof ChangeKind]

/** One difference between the released contract and today's. */
export interface Difference {
  /**
   * Where. In the message as a JSON pointer, with `[]` for any item of a list and `{}` for any field of a record:
   * `/items/[]/price`, `''` for the message itself; in a request behind its part, `/response/items`. Else the property of
   * the channel, stream or request: `subject`.
   */
  readonly path: string
  readonly kind: ChangeKind
  /** What was; null where there was nothing. */
  readonly before: unknown
  /** What is; null where there is nothing. */
  readonly after: unknown
  /** Whom it breaks; empty when it is compatible for everybody. */
  readonly breaks: readonly Party[]
  /** Of a request: who sends it. What goes back is sent by the responder, and the callers are its consumers. */
  readonly sentBy?: 'caller' | 'responder'
}

/** Fewer messages are valid: what was sent before may be refused now. */
export const NARROWS: readonly Party[] = [Party.NewConsumer, Party.Producer]
/** More messages are valid: what is sent now may be refused by who has the old contract. */
export const WIDENS: readonly Party[] = [Party.OldConsumer]
/** Other messages are valid, or it cannot be decided. */
export const BREAKS_ALL: readonly Party[] = [Party.NewConsumer, Party.OldConsumer, Party.Producer]
export const BREAKS_NOBODY: readonly Party[] = []
