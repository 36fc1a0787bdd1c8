import { fileURLToPath } from 'node:url'
import { findArrowFaults } from './import-arrow.ts'

const repository = fileURLToPath(new URL('../../../', import.meta.url))
const faults = findArrowFaults(repository)
for (const fault of faults) console.error(fault)
if (faults.length === 0) console.log('import arrow: nothing points against it')
else process.exitCode = 1
