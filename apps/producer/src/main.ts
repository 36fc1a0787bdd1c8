import { runService } from '@alarm-bus/service'
import { createProducer } from './app.ts'
import { readProducerConfig, version } from './config.ts'
import { app } from './declaration.ts'

await runService({ app: app.name, version, readConfig: readProducerConfig, create: createProducer })
