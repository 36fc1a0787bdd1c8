/** The server's headers of atomic batches (ADR-50). */
export const BatchHeader = {
  /** At most 64 characters; every attempt has one of its own. */
  Id: 'Nats-Batch-Id',
  /** From 1, without gaps. */
  Sequence: 'Nats-Batch-Sequence',
  /** On the last message. */
  Commit: 'Nats-Batch-Commit',
  /** Refused inside a batch, and never met outside of one: what makes a question of a message that is not stored. */
  ExpectedLastMessageId: 'Nats-Expected-Last-Msg-Id',
} as const
