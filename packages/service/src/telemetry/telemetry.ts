import { errorText, findTracer } from '@alarm-bus/nats-kit'
import { diag, DiagLogLevel } from '@opentelemetry/api'
import type { ServiceConfig } from '../config/service-config.ts'
import type { ServiceLogger } from '../logger.ts'
import type { Metrics } from '../metrics/create-metrics.ts'
import { sampledLines } from '../sampled-lines.ts'

const MAX_TEXT_CHARACTERS = 500

/** What is sent to a collector while the process runs. Sending is in the background and bounded: what a collector does not take is dropped. */
export interface Telemetry {
  /** Whose numbers are sent, where numbers are. */
  measure(metrics: Metrics): void
  /** Sends what waits, for `timeoutMs` at most. Never rejects. */
  stop(timeoutMs: number): Promise<void>
}

/**
 * Starts OpenTelemetry where its standard variables ask for it, before anything that it is to see is made. Without them
 * no module of it is loaded but its API. Never rejects.
 */
export async function startTelemetry(
  config: Pick<ServiceConfig, 'app' | 'version' | 'telemetry'>,
  logger: ServiceLogger,
): Promise<Telemetry> {
  const { traces, metrics, ignored } = config.telemetry
  for (const why of ignored) logger.warn({ event: 'telemetrySetting' }, why)
  if (!traces && !metrics) return NONE
  if (traces && findTracer()) {
    logger.info({ event: 'telemetryGiven' }, 'a tracer is registered already; it is used as it is')
    return NONE
  }
  tellTroubles(logger)
  try {
    const { startSdk } = await import('./otel-sdk.ts')
    let measured: Metrics | undefined
    const sdk = startSdk(config, { traces, metrics }, () => measured)
    logger.info(
      { event: 'telemetryOn', traces: traces !== undefined, metrics: metrics !== undefined },
      'sends telemetry by OTLP',
    )
    return {
      measure: (given) => void (measured = given),
      async stop(timeoutMs) {
        let timer: NodeJS.Timeout | undefined
        const late = new Promise<string>((resolve) => {
          timer = setTimeout(() => resolve(`the collector took longer than ${Math.round(timeoutMs)} ms`), timeoutMs)
        })
        const trouble = await Promise.race([sdk.stop().then(() => undefined, errorText), late])
        clearTimeout(timer)
        if (trouble !== undefined)
          logger.warn({ event: 'telemetryLost', error: brief(trouble) }, 'the last telemetry was not sent')
      },
    }
  } catch (error) {
    logger.warn(
      { event: 'telemetryOff', error: errorText(error) },
      'OpenTelemetry cannot be started; the app goes on without',
    )
    return NONE
  }
}

const NONE: Telemetry = { measure: () => undefined, stop: async () => undefined }

/** A collector that is away is one line now and then, and never more. */
function tellTroubles(logger: ServiceLogger): void {
  const write = sampledLines(logger)
  const tell = (text: unknown): void =>
    write('warn', 'telemetry', { event: 'telemetryFailed', error: brief(text) }, 'telemetry is not sent')
  const nothing = (): void => undefined
  diag.setLogger(
    { error: tell, warn: tell, info: nothing, debug: nothing, verbose: nothing },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  )
}

/** The SDK tells errors as JSON with a stack and all that the collector has answered. */
function brief(text: unknown): string {
  const whole = typeof text === 'string' ? text : errorText(text)
  const [, message] = /"message":"((?:[^"\\]|\\.)*)"/.exec(whole) ?? []
  return (message ?? whole).slice(0, MAX_TEXT_CHARACTERS)
}
