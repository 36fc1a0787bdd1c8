// Adds up the reports of all packages, tells what failed, and prints the sum as the last line. Exits with 1 when a test
// failed or was skipped, when a package with tests left no report, and when no test ran. It runs on any Node that can run
// pnpm.
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'

const root = resolve(process.argv[2] ?? '.')

function read(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch {
    return undefined
  }
}

function folders(parent) {
  return readdirSync(join(root, parent), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => join(parent, entry.name))
}

/** Long enough for an assertion with its difference, short enough that several are read. */
const MAX_MESSAGE_CHARACTERS = 2_000

/** What failed, with why: a log is long, and of some only the end is kept. */
function tell(folder, file) {
  const failed = file.assertionResults.filter(({ status }) => status === 'failed')
  const lines = failed.map(({ fullName, failureMessages }) => `${fullName}\n${failureMessages.join('\n')}`)
  for (const line of lines.length > 0 ? lines : [file.message]) {
    console.log(
      `FAILED ${folder}: ${relative(join(root, folder), file.name)}: ${line.slice(0, MAX_MESSAGE_CHARACTERS)}\n`,
    )
  }
}

let passed = 0
let failed = 0
let skipped = 0
for (const folder of [...folders('packages'), ...folders('apps'), 'benchmarks']) {
  const manifest = read(join(root, folder, 'package.json'))
  if (!manifest?.scripts?.test) continue
  const report = read(join(root, folder, '.vitest/results.json'))
  if (!report) {
    console.log(`${folder}: no report of its tests`)
    failed += 1
    continue
  }
  // A file that could not be loaded has no test of its own to fail.
  const broken = report.testResults.filter(
    (file) => file.status === 'failed' && !file.assertionResults.some((one) => one.status === 'failed'),
  )
  for (const file of report.testResults) if (file.status === 'failed') tell(folder, file)
  const others = report.numTotalTests - report.numPassedTests - report.numFailedTests
  // An error outside of every test, as a rejection that nobody handles, fails the run and no test.
  const stray = !report.success && report.numFailedTests + broken.length === 0 ? 1 : 0
  console.log(
    `${folder}: ${report.numPassedTests} passed, ${report.numFailedTests + broken.length + stray} failed, ${others} skipped`,
  )
  passed += report.numPassedTests
  failed += report.numFailedTests + broken.length + stray
  skipped += others
}
if (skipped > 0) console.log(`${skipped} skipped: a test that does not run is no test`)
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed > 0 || skipped > 0 || passed === 0 ? 1 : 0
