import { appVariable } from '@alarm-bus/contracts'

/** The broker's variable with the password of a user: `NATS_ALARM_CONSUMER_PASSWORD`. The app reads the same. */
export function passwordVariable(user: string): string {
  return `NATS_${appVariable(user, 'PASSWORD')}`
}

/** The broker's variable with the public key of a user: `NATS_ALARM_CONSUMER_NKEY`. It is no secret. */
export function nkeyVariable(user: string): string {
  return `NATS_${appVariable(user, 'NKEY')}`
}
