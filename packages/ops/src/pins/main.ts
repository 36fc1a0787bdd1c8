import { runPins } from './run-pins.ts'

process.exitCode = await runPins(process.argv.slice(2))
