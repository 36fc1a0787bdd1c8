import { contracts } from '@alarm-bus/contracts'
import { createBus } from '@alarm-bus/nats-kit'
import { collectLogs } from '@alarm-bus/nats-kit/testing'
import { createLogger } from '@alarm-bus/service'
import { expect, test } from 'vitest'
import { readConsoleConfig } from '../config.ts'
import { app } from '../declaration.ts'
import { createAudit } from './audit.ts'

test('what cannot be written down is not begun', async () => {
  const config = readConsoleConfig({ NODE_ENV: 'test' })
  const bus = createBus({
    contracts,
    app,
    connection: config.connection,
    logger: collectLogs(),
    publisher: {},
    requester: {},
  })
  await bus.stop(0)
  const audit = createAudit(bus, createLogger({ ...config, logLevel: 'fatal' }))
  const session = { person: { name: 'ada', role: 'operator', mayPublish: false } } as const
  const begun = audit.begin({ session, from: '127.0.0.1', action: 'discard', target: 'all' })
  await expect(begun).rejects.toMatchObject({ status: 503, slug: 'no-audit-record' })
})
