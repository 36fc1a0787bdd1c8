/** What a redriven message says of itself, and its letter too when it fails again. */
export const RedriveHeader = {
  /** How often the message was redriven, this time included. */
  Count: 'Redrive-Count',
  /** Where the original is: with the sequence its identity. */
  Stream: 'Redrive-Stream',
  Sequence: 'Redrive-Sequence',
  /** When the original was stored, in nanoseconds of the Unix epoch. */
  StoredNanos: 'Redrive-Stored-Nanos',
  /** The original's subject, where its consumer is given several. */
  Subject: 'Redrive-Subject',
  /** So many of the first bytes are the original's header block, because it is none that can be written again. */
  HeaderBytes: 'Redrive-Header-Bytes',
} as const

/** Put before an original header that would act on the copy, or be taken for its own: `Redrive-Original-Nats-Msg-Id`. */
export const REDRIVE_ORIGINAL_PREFIX = 'Redrive-Original-'
