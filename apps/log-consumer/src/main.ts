import { runService } from '@alarm-bus/service'
import { createLogConsumer } from './app.ts'
import { readLogConsumerConfig } from './config.ts'
import { app } from './declaration.ts'

await runService({ app: app.name, readConfig: readLogConsumerConfig, create: createLogConsumer })
