import { runService } from '@alarm-bus/service'
import { createConsole } from './app.ts'
import { readConsoleConfig, version } from './config.ts'
import { app } from './declaration.ts'

await runService({ app: app.name, version, readConfig: readConsoleConfig, create: createConsole })
