import { runService } from '@alarm-bus/service'
import { createLogConsumer } from './app.ts'
import { APP, readLogConsumerConfig } from './config.ts'

await runService({ app: APP, readConfig: readLogConsumerConfig, create: createLogConsumer })
