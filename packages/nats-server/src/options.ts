import { NatsServerError } from './errors.ts'
import type { Progress } from './progress.ts'

export interface StartNatsServerOptions {
  /** Path of a configuration file. Its JetStream directory, ports of clients and monitor, log and pid file are overridden. */
  readonly config?: string
  /** The configuration itself, in place of a file; its includes are resolved against the working directory. */
  readonly configText?: string
  /** Client port; 0, the default, lets the system pick a free one. */
  readonly port?: number
  /** Address to bind, for clients; default `127.0.0.1`. */
  readonly host?: string
  /** Port of the HTTP monitor; 0, the default, lets the system pick a free one; false runs without a monitor. */
  readonly monitorPort?: number | false
  /** JetStream's directory, kept afterwards; by default a new one, which `stop()` deletes. */
  readonly storeDir?: string
  /** True enables JetStream also where the configuration does not. */
  readonly jetstream?: boolean
  /** Server name; by default the configuration's, else nats-server makes one up. */
  readonly serverName?: string
  /** Added to the environment of this process, for the `$NAME` references of a configuration. */
  readonly env?: Readonly<Record<string, string>>
  /**
   * True starts the broker in a process group of its own, out of reach of a Ctrl-C in the terminal: the caller that starts it
   * decides when it ends. It does not outlive this process, also where that is killed. Default false.
   */
  readonly detached?: boolean
  /** The binary; by default what `findNatsServer` finds. */
  readonly binary?: string
  /** How long it may take until the broker answers, in milliseconds; default 15 000. A fetch of the binary is not counted. */
  readonly startTimeoutMs?: number
  /** How long `stop()` waits before it kills, in milliseconds; default 10 000. */
  readonly stopTimeoutMs?: number
  /** Receives each line of the broker's log, without a newline. */
  readonly onLog?: (line: string) => void
  /** Receives the progress of finding and fetching a binary; by default it goes to standard error. */
  readonly onProgress?: Progress
}

export interface NatsServerExit {
  /** Exit code; null after a signal. */
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** A running broker. Who starts it closes it: `await using`, `stop()` or `kill()`. */
export interface NatsServer extends AsyncDisposable {
  /** Address for clients, for example `nats://127.0.0.1:41717`. */
  readonly url: string
  readonly host: string
  readonly port: number
  /** Address of the HTTP monitor; undefined without one. */
  readonly monitorUrl: string | undefined
  readonly pid: number
  /** The `server_id` in the broker's INFO: new for each process. */
  readonly serverId: string
  readonly serverName: string
  readonly version: string
  /** JetStream's directory. After `kill()` it is still there, for a new broker with the same `port` and `storeDir`. */
  readonly storeDir: string
  /** Resolves when the process has ended, for whatever reason. Never rejects. */
  readonly exited: Promise<NatsServerExit>
  /** Ends the broker in good order, and kills it when that takes too long; deletes a store directory of its own. Idempotent. */
  stop(): Promise<void>
  /** Kills the broker (SIGKILL) and resolves when it has ended. The store stays. Idempotent. */
  kill(): Promise<void>
  /**
   * Freezes the broker (SIGSTOP) and resolves when it stands still: connections stay open and nothing answers.
   * @throws NatsServerError `pause_timeout`.
   */
  pause(): Promise<void>
  /** Goes on after `pause()` (SIGCONT). */
  resume(): void
}

const MAX_PORT = 65_535

/** @throws NatsServerError `invalid_options`. */
export function checkStartOptions(options: StartNatsServerOptions): void {
  const fail = (why: string): never => {
    throw new NatsServerError('invalid_options', `startNatsServer: ${why}`)
  }
  if (options.config !== undefined && options.configText !== undefined) fail('give config or configText, not both')
  for (const name of ['port', 'monitorPort'] as const) {
    const value = options[name] || 0
    if (!Number.isInteger(value) || value < 0 || value > MAX_PORT) fail(`${name} is ${value}, not 0 to ${MAX_PORT}`)
  }
  for (const name of ['startTimeoutMs', 'stopTimeoutMs'] as const) {
    const value = options[name]
    if (value !== undefined && !(value > 0)) fail(`${name} is ${value}, not a positive number of milliseconds`)
  }
}
