/** Receives one line of progress, without a newline. */
export type Progress = (line: string) => void

/** The default: standard error, so that a program's own output stays clean. */
export function printProgress(line: string): void {
  process.stderr.write(`nats-server: ${line}\n`)
}
