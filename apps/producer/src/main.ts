import { runService } from '@alarm-bus/service'
import { createProducer } from './app.ts'
import { APP, readProducerConfig } from './config.ts'

await runService({ app: APP, readConfig: readProducerConfig, create: createProducer })
