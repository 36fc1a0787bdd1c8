import { runService } from '@alarm-bus/service'
import { createProducer } from './app.ts'
import { readProducerConfig } from './config.ts'
import { app } from './declaration.ts'

await runService({ app: app.name, readConfig: readProducerConfig, create: createProducer })
