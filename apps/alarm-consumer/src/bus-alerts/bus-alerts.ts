import type { Contracts } from '@alarm-bus/contracts'
import { type ConnectionUser, createStreamWatch, type HealthCheck, type StreamWatch } from '@alarm-bus/nats-kit'
import type { ServiceLogger } from '@alarm-bus/service'
import type { SinkDelivery } from '../delivery/deliver-to-all.ts'
import { StreamAlerts } from './stream-alerts.ts'

/** How long an alert that is on its way to a sink may go on once the app stops. */
const GRACE_MS = 3_000

export interface BusAlertsOptions {
  readonly contracts: Contracts
  readonly sinks: readonly SinkDelivery[]
  readonly pauseMs: number
  readonly logger: ServiceLogger
}

export interface BusAlerts extends ConnectionUser {
  /** Always well, since alarms are delivered all the same: a warning while the bus cannot be watched. */
  checks(): readonly HealthCheck[]
}

/** Watches every stream of the bus from when the subscriber opens it until it closes it. */
export function createBusAlerts({ contracts, sinks, pauseMs, logger }: BusAlertsOptions): BusAlerts {
  const stopping = new AbortController()
  const late = new AbortController()
  let watches: readonly StreamWatch[] = []
  let alerts: readonly StreamAlerts[] = []
  let running: Promise<unknown> = Promise.resolve()
  return {
    open(connection) {
      watches = contracts.streams.map((stream) => createStreamWatch(connection, { stream }))
      const closed = new AbortController()
      void connection.closed.then(() => closed.abort())
      const signal = AbortSignal.any([stopping.signal, closed.signal])
      const options = {
        sinks,
        times: { pauseMs },
        logger,
        signal,
        giveUp: AbortSignal.any([late.signal, closed.signal]),
      }
      alerts = watches.map((watch) => new StreamAlerts({ ...options, watch }))
      running = Promise.all(alerts.map((each) => each.run()))
    },
    checks() {
      const troubles = alerts.flatMap(({ trouble }) => (trouble === undefined ? [] : [trouble]))
      if (troubles.length === 0) return [{ name: 'bus-alerts', ok: true, detail: 'the bus is watched' }]
      return [{ name: 'bus-alerts', ok: true, warning: true, detail: troubles.join('; ') }]
    },
    async close() {
      stopping.abort()
      const grace = setTimeout(() => late.abort(), GRACE_MS)
      await running
      clearTimeout(grace)
      await Promise.all(watches.map((watch) => watch.close()))
    },
  }
}
