// A process of its own for the tests: finds a binary and prints the result. The options are its one argument.
import { findNatsServer } from '../src/index.ts'

const found = await findNatsServer({ ...JSON.parse(process.argv[2] ?? '{}'), onProgress: () => {} })
process.stdout.write(JSON.stringify(found))
