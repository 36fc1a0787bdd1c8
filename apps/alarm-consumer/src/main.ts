import { runService } from '@alarm-bus/service'
import { createAlarmConsumer } from './app.ts'
import { readAlarmConsumerConfig } from './config.ts'
import { app } from './declaration.ts'

await runService({ app: app.name, readConfig: readAlarmConsumerConfig, create: createAlarmConsumer })
