import type * as Contracts from '@alarm-bus/contracts'
import type * as Kit from '@alarm-bus/nats-kit'

/** alarm-consumer as a process with the kit of before 1.0, whose handler hangs. */
export interface OldAppSettings {
  /** What `import()` takes. */
  readonly kit: string
  readonly contracts: string
  readonly servers: readonly string[]
  readonly auth: Kit.ConnectionAuth
}

const settings = JSON.parse(process.argv[2] ?? '{}') as OldAppSettings
process.on('disconnect', () => process.exit(1))
const { connect, createSubscriber, defineHandler } = (await import(settings.kit)) as typeof Kit
const { alarmToBot, contracts } = (await import(settings.contracts)) as typeof Contracts

const quiet = () => undefined
const connection = await connect(
  { name: 'alarm-consumer', servers: settings.servers, auth: settings.auth },
  { logger: { debug: quiet, info: quiet, warn: quiet, error: quiet } },
)
const subscriber = createSubscriber(connection, {
  contracts,
  app: 'alarm-consumer',
  handlers: [
    defineHandler(alarmToBot, async ({ message }) => {
      process.send?.(message)
      await new Promise(() => undefined)
    }),
  ],
  ackWaitMs: 300,
  maxHandlerMs: 300,
  maxDeliver: 1,
})
subscriber.start()
