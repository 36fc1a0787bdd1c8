/*
 * Loaded into a server before its own code: the processor time that its event loop took without a break at most, which
 * is what nothing else can be answered for, whatever else the machine does. SIGUSR2 asks for it, and begins again.
 */

const cpuMs = (): number => {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1_000
}
let maxMs = 0
let before = cpuMs()
// A timer that is due runs in the loop's next turn, so what lies between two runs is one turn or two.
setInterval(() => {
  const now = cpuMs()
  maxMs = Math.max(maxMs, now - before)
  before = now
}, 1).unref()
process.on('SIGUSR2', () => {
  process.stdout.write(`${JSON.stringify({ event: 'loopCpu', maxMs })}\n`)
  maxMs = 0
})
