import { createInterface } from 'node:readline/promises'

/** Where a command reads its settings from and who it talks to. */
export interface Terminal {
  readonly environment: Readonly<Record<string, string | undefined>>
  /** The result, on standard output. */
  say(line: string): void
  /** What went wrong or takes its time, on standard error. */
  complain(line: string): void
  /** Puts a question; undefined where no person can answer. */
  readonly ask: ((question: string) => Promise<string>) | undefined
  /** Whether colours are shown. */
  readonly hasColors?: boolean
}

/** This process's own. */
export const terminal: Terminal = {
  environment: process.env,
  say: (line) => console.log(line),
  complain: (line) => console.error(line),
  ask: process.stdin.isTTY ? ask : undefined,
  // Follows NO_COLOR and FORCE_COLOR as well.
  hasColors: process.stdout.isTTY && process.stdout.hasColors(),
}

async function ask(question: string): Promise<string> {
  const asking = createInterface({ input: process.stdin, output: process.stdout })
  try {
    return await asking.question(question)
  } finally {
    asking.close()
  }
}
