/**
 * The ending of an app's own variables in the environment: `appVariable('alarm-consumer', 'PORT')` is
 * `ALARM_CONSUMER_PORT`. So one `.env` file can serve all apps.
 */
export function appVariable(app: string, what: string): string {
  return `${app.replaceAll('-', '_').toUpperCase()}_${what}`
}
