import { type NatsServer, startNatsServer, type StartNatsServerOptions } from '@alarm-bus/nats-server'

/**
 * A real broker with JetStream on a free port and a directory of its own; gone when the test file ends it. Takes what
 * `startNatsServer` takes.
 */
export function startTestBroker(options: StartNatsServerOptions = {}): Promise<NatsServer> {
  return startNatsServer({ jetstream: true, ...options })
}
