import { type NatsServer, startNatsServer, type StartNatsServerOptions } from '@alarm-bus/nats-server'

/**
 * Each stream reserves what it may grow to. The server's own limit is a part of the free disk, so on a small one a few
 * streams would be too many; nothing of this is taken before it is written.
 */
const CONFIG = 'jetstream { max_file: 1TB }'

/**
 * A real broker with JetStream on a free port and a directory of its own; gone when the test file ends it. Takes what
 * `startNatsServer` takes. Without a configuration its streams may reserve 1 TB, whatever the disk has.
 */
export function startTestBroker(options: StartNatsServerOptions = {}): Promise<NatsServer> {
  const isBare = options.config === undefined && options.configText === undefined
  return startNatsServer({ jetstream: true, ...(isBare && { configText: CONFIG }), ...options })
}
