import { findChromium } from './chromium.ts'

/** What CI runs before the tests, so that no test waits for a download. */
const { executablePath } = await findChromium((line) => console.log(line))
console.log(executablePath)
