import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { ConsumerSettings, Memory, PublisherSettings, WorkerMessage, WorkerOrder } from './worker-settings.ts'

const KEPT_LINES = 20

/** A process of its own, so that it can be killed as one dies in earnest. */
export interface Worker {
  readonly pid: number
  /** Resolves when it is connected and at work; rejects with its last words when it ends before. */
  readonly ready: Promise<void>
  /** Resolves when it has ended: its exit code, or the signal. */
  readonly exited: Promise<number | NodeJS.Signals>
  readonly lastLines: readonly string[]
  memory(): Promise<Memory>
  /** Lets go of handlers that hold. */
  release(): void
  /** Asks what only its script understands. Rejects when it ends before it answers. */
  ask(what: unknown): Promise<unknown>
  kill(signal: 'SIGKILL' | 'SIGTERM'): Promise<number | NodeJS.Signals>
}

export function startConsumer(settings: ConsumerSettings): Worker {
  return startWorker('consumer-process.ts', settings)
}

export function startPublisher(settings: PublisherSettings): Worker {
  return startWorker('publisher-process.ts', settings)
}

/** Starts a script of this folder, or of one beside it, as a process. */
export function startWorker(script: string, settings: object): Worker {
  const path = join(import.meta.dirname, script)
  const child = spawn(
    process.execPath,
    ['--conditions=@alarm-bus/source', '--expose-gc', path, JSON.stringify(settings)],
    {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    },
  )
  const lines: string[] = []
  createInterface({ input: child.stderr as NodeJS.ReadableStream }).on('line', (line) => {
    lines.push(line)
    if (lines.length > KEPT_LINES) lines.shift()
  })
  const exited = new Promise<number | NodeJS.Signals>((resolve) => {
    child.once('error', (error) => {
      lines.push(error.message)
      resolve(1)
    })
    child.once('close', (code, signal) => resolve(signal ?? code ?? 1))
  })
  const ended = exited.then((how): never => {
    throw new Error(`${script} ended with ${how}. Its last lines:\n${lines.join('\n')}`)
  })
  const ready = Promise.race([heard(child, 'ready').then(() => undefined), ended])
  // Whoever kills a process before it is ready does not wait for that.
  for (const promise of [ready, ended]) promise.catch(() => undefined)
  let asked = 0
  const order = (what: WorkerOrder): void => void child.send(what, () => undefined)
  return {
    pid: child.pid ?? 0,
    ready,
    exited,
    lastLines: lines,
    async memory() {
      const answer = heard(child, 'memory')
      order('memory')
      return Promise.race([answer, ended])
    },
    release: () => order('release'),
    async ask(what) {
      const number = asked++
      const answer = heard(child, 'answer', ({ to }) => to === number)
      order({ ask: what, number })
      return (await Promise.race([answer, ended])).value
    },
    kill(signal) {
      child.kill(signal)
      return exited
    },
  }
}

/** The next message of its kind, and of those the first that is meant. */
function heard<Kind extends WorkerMessage['kind']>(
  child: ChildProcess,
  kind: Kind,
  isMeant: (message: Extract<WorkerMessage, { kind: Kind }>) => boolean = () => true,
): Promise<Extract<WorkerMessage, { kind: Kind }>> {
  return new Promise((resolve) => {
    const listen = (message: WorkerMessage): void => {
      if (message.kind !== kind || !isMeant(message as Extract<WorkerMessage, { kind: Kind }>)) return
      child.off('message', listen)
      resolve(message as Extract<WorkerMessage, { kind: Kind }>)
    }
    child.on('message', listen)
  })
}
