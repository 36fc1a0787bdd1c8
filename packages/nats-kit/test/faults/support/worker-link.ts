import type { Logger } from '../../../src/index.ts'
import type { Memory, WorkerMessage, WorkerOrder } from './worker-settings.ts'

/** A process's side of the line to the one that started it. */
export interface WorkerLink<Settings> {
  readonly settings: Settings
  /** Warnings and errors go to standard error, where the starter keeps the last of them. */
  readonly logger: Logger
  ready(): void
  /** Resolves when told to release what handlers hold. */
  readonly released: Promise<void>
  /** Resolves with the first SIGTERM. */
  readonly terminated: Promise<void>
  /** Answers the questions of this script's own. */
  onAsked(answer: (ask: unknown) => unknown): void
}

/** Links this process to its starter, and ends it when the starter is gone: nothing of a test outlives the test. */
export function linkToStarter<Settings>(): WorkerLink<Settings> {
  process.on('disconnect', () => process.exit(1))
  const say = (message: WorkerMessage): void => void process.send?.(message)
  let answer: (ask: unknown) => unknown = () => undefined
  const released = new Promise<void>((resolve) => {
    process.on('message', (order: WorkerOrder) => {
      if (order === 'release') resolve()
      else if (order === 'memory') say({ kind: 'memory', ...memoryAfterCollection() })
      else say({ kind: 'answer', to: order.number, value: answer(order.ask) })
    })
  })
  const write = (level: string) => (fields: object, message: string) =>
    void process.stderr.write(`${level}: ${message} ${JSON.stringify(fields)}\n`)
  return {
    settings: JSON.parse(process.argv[2] ?? '{}') as Settings,
    logger: { debug: () => undefined, info: () => undefined, warn: write('warn'), error: write('error') },
    ready: () => say({ kind: 'ready' }),
    released,
    terminated: new Promise((resolve) => process.once('SIGTERM', () => resolve())),
    onAsked: (given) => void (answer = given),
  }
}

function memoryAfterCollection(): Memory {
  // There because the process is started with --expose-gc.
  globalThis.gc?.()
  const { rss, heapUsed } = process.memoryUsage()
  return { rssBytes: rss, heapBytes: heapUsed }
}
