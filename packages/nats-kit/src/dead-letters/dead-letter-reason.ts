/** Why a message could not be handled, as a dead letter says it. */
export const DeadLetterReason = {
  /** Not JSON, or not what the channel's schema allows. */
  InvalidMessage: 'invalid_message',
  /** The handler failed `maxDeliver` times. */
  DeliveriesExhausted: 'deliveries_exhausted',
  /** The handler threw `DeadLetter`. */
  HandlerGaveUp: 'handler_gave_up',
  /** A message of an older version could not be brought to the handler's: the upcast threw, or made a wrong shape. */
  UpcastFailed: 'upcast_failed',
  /** The handler hung at its last delivery, or the process died each time while the message was handled. */
  NeverSettled: 'never_settled',
  /** The handler failed, and the message's time to live would have ended before its next delivery. */
  ExpiresBeforeRetry: 'expires_before_retry',
  /** It was redriven, and its consumer was removed before it read it. Written by `pnpm ops apply`. */
  RedriveUnread: 'redrive_unread',
  /** Something other than the kit terminated it. Written by kits before 1.0, and by `pnpm ops apply` for what they left. */
  TerminatedElsewhere: 'terminated_elsewhere',
} as const
export type DeadLetterReason = (typeof DeadLetterReason)[keyof typeof DeadLetterReason]
