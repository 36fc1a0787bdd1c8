import { runService } from '@alarm-bus/service'
import { createAlarmConsumer } from './app.ts'
import { APP, readAlarmConsumerConfig } from './config.ts'

await runService({ app: APP, readConfig: readAlarmConsumerConfig, create: createAlarmConsumer })
