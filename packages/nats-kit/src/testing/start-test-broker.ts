import type { NatsServer, startNatsServer as StartNatsServer, StartNatsServerOptions } from '@alarm-bus/nats-server'

/**
 * Each stream reserves what it may grow to. The server's own limit is a part of the free disk, so on a small one a few
 * streams would be too many; nothing of this is taken before it is written.
 */
const CONFIG = 'jetstream { max_file: 1TB }'

/**
 * A real broker with JetStream on a free port and a directory of its own; gone when the test file ends it. Takes what
 * `startNatsServer` takes. Without a configuration its streams may reserve 1 TB, whatever the disk has.
 *
 * @throws Error where the package `@alarm-bus/nats-server` is not installed; else as `startNatsServer`.
 */
export async function startTestBroker(options: StartNatsServerOptions = {}): Promise<NatsServer> {
  const startNatsServer = await loaded()
  const isBare = options.config === undefined && options.configText === undefined
  return startNatsServer({ jetstream: true, ...(isBare && { configText: CONFIG }), ...options })
}

/** Loaded where a broker is asked for: most tests need none, and then need not install what runs one. */
async function loaded(): Promise<typeof StartNatsServer> {
  try {
    return (await import('@alarm-bus/nats-server')).startNatsServer
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error
    throw new Error(
      'a test broker needs the package @alarm-bus/nats-server, which is not installed; npm install --save-dev @alarm-bus/nats-server',
      { cause: error },
    )
  }
}
