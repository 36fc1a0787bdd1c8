import { runService } from '@alarm-bus/service'
import { createLogConsumer } from './app.ts'
import { readLogConsumerConfig, version } from './config.ts'
import { app } from './declaration.ts'

await runService({ app: app.name, version, readConfig: readLogConsumerConfig, create: createLogConsumer })
