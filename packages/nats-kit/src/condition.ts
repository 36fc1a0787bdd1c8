/** What the watchdog looks for. Each is said when it begins and when it ends. */
export const WatchdogCondition = {
  /** Messages wait, and for `stalledAfterMs` not one was settled. */
  Stalled: 'stalled',
  /** The broker's heartbeats stay away although the connection seems to be up. */
  MissedHeartbeats: 'missed_heartbeats',
  /** The consumer, or its stream, is not there; the kit makes the consumer again. */
  ConsumerDeleted: 'consumer_deleted',
  /** As many deliveries as the consumer may have are without an ack, so the broker sends no more. */
  AckPendingAtCap: 'ack_pending_at_cap',
  /** The consumer has what changes which messages a handler gets, or what of them, and it cannot be put right. */
  ConsumerUnfit: 'consumer_unfit',
  /** The consumer differs from what the app declares in how soon or how often it delivers, and is left so. */
  ConsumerDiffers: 'consumer_differs',
  /** The consumer went past messages of its own while another tool had changed its filter, and cannot go back. */
  PassedOver: 'passed_over',
  /** The consumer is paused on the broker: it delivers nothing until then. */
  PausedOnBroker: 'paused_on_broker',
  /** Messages wait and none is newly delivered, since as many deliveries as there may be are without an ack. */
  DeliveryBlocked: 'delivery_blocked',
  /** More messages wait than `lagMessages`, and they do not get fewer. */
  SlowConsumer: 'slow_consumer',
  /** Something kept the process busy for longer than `eventLoopLagMs`: no ack, no heartbeat, no signal went out. */
  EventLoopLag: 'event_loop_lag',
} as const
export type WatchdogCondition = (typeof WatchdogCondition)[keyof typeof WatchdogCondition]

/**
 * The conditions under which an app does not do its work, so it is not ready. Under the others it does, more slowly
 * than it should: taking it out of service would make that worse.
 */
const NOT_READY: ReadonlySet<WatchdogCondition> = new Set([
  WatchdogCondition.Stalled,
  WatchdogCondition.MissedHeartbeats,
  WatchdogCondition.ConsumerDeleted,
  WatchdogCondition.ConsumerUnfit,
  WatchdogCondition.PausedOnBroker,
  WatchdogCondition.DeliveryBlocked,
])

export function makesNotReady(condition: WatchdogCondition): boolean {
  return NOT_READY.has(condition)
}
