import { oneOf, wholeNumber } from '@alarm-bus/service'
import { z } from 'zod'

/** Whether people are told of troubles of the bus, and how often at first. */
export interface BusAlertsConfig {
  readonly busAlerts: { readonly on: boolean; readonly pauseMs: number }
}

/** `busAlerts` from ALARM_BUS_ALERTS and ALARM_BUS_ALERTS_PAUSE_MS. */
export const busAlertsConfig = z
  .object({
    ALARM_BUS_ALERTS: oneOf(['on', 'off']).default('on'),
    ALARM_BUS_ALERTS_PAUSE_MS: wholeNumber({ min: 1_000, max: 86_400_000 }).default(300_000),
  })
  .transform((raw): BusAlertsConfig => ({
    busAlerts: { on: raw.ALARM_BUS_ALERTS === 'on', pauseMs: raw.ALARM_BUS_ALERTS_PAUSE_MS },
  }))
