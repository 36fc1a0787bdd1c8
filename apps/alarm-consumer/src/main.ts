import { runService } from '@alarm-bus/service'
import { createAlarmConsumer } from './app.ts'
import { readAlarmConsumerConfig, version } from './config.ts'
import { app } from './declaration.ts'

await runService({ app: app.name, version, readConfig: readAlarmConsumerConfig, create: createAlarmConsumer })
