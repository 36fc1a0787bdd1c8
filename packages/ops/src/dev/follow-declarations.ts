import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { appNames, brokerFiles, declaredState } from './declared-state.ts'
import { devDir, repositoryRoot } from './dev-env.ts'
import { readJson, writeJson } from './json-file.ts'
import { say } from './say.ts'

const LOOK_MS = 300
const COMMAND_TIMEOUT_MS = 60_000

/**
 * Follows what channels and apps declare while `dev` runs: writes the accounts and permissions that follow from it, and
 * applies the streams. Nothing is destroyed; what needs that is said, with the command.
 *
 * Declarations that cannot be loaded, as in the midst of an edit, change nothing.
 */
export class DeclarationFollower {
  readonly #signal: AbortSignal
  readonly #knownApps = new Set(appNames())
  /** What this process has loaded was declared then. */
  readonly #loaded = declaredState()
  #state = lastState()
  #brokerFiles = ''

  constructor(signal: AbortSignal) {
    this.#signal = signal
  }

  /** Before each start of the broker. */
  async beforeTheBrokerStarts(): Promise<void> {
    if (declaredState() !== this.#state) await this.#renewPermissions()
    this.#brokerFiles = brokerFiles()
  }

  /** Whether this process still has loaded what is declared; otherwise `apply` does it. */
  get isUpToDate(): boolean {
    return this.#loaded === this.#state
  }

  /** Makes the streams of the broker what is declared now. */
  async apply(url: string): Promise<void> {
    const { code, out, err } = await runNode(this.#signal, { NATS_SERVERS: url }, 'dev/apply-declared-main.ts')
    if (this.#signal.aborted) return
    if (out !== '') say(out.trimEnd())
    if (code !== 0) say(`the streams could not be applied: ${firstLine(err)}; see \`pnpm ops plan\``)
    this.#sayNewApps()
  }

  /** Resolves when the broker has to be restarted to know its apps, or when `dev` ends. */
  async untilTheBrokerIsOutdated(url: string): Promise<void> {
    while (!this.#signal.aborted) {
      await this.#untilChanged()
      if (this.#signal.aborted || !(await this.#renewPermissions())) continue
      if (brokerFiles() !== this.#brokerFiles) {
        say('accounts or permissions have changed: restarting the broker')
        return
      }
      await this.apply(url)
    }
  }

  /** @returns whether the declarations could be read. */
  async #renewPermissions(): Promise<boolean> {
    // What changes while the command runs is looked at again.
    this.#state = declaredState()
    const { code, out, err } = await runNode(this.#signal, {}, 'ops.ts', 'permissions')
    if (this.#signal.aborted) return false
    if (code !== 0) {
      say(`the declarations cannot be read, so the broker keeps what it has: ${firstLine(err)}`)
      return false
    }
    const written = out.split('\n').filter((line) => line.includes(' written: '))
    for (const line of written) say(`${line}; commit it`)
    if (written.length > 0) this.#state = declaredState()
    rememberState(this.#state)
    return true
  }

  async #untilChanged(): Promise<void> {
    while (!this.#signal.aborted) {
      await sleep(LOOK_MS, undefined, { signal: this.#signal }).catch(() => undefined)
      const state = declaredState()
      if (state === this.#state) continue
      // A checkout writes one file after the other.
      await sleep(LOOK_MS, undefined, { signal: this.#signal }).catch(() => undefined)
      if (declaredState() === state) return
    }
  }

  #sayNewApps(): void {
    for (const name of appNames()) {
      if (this.#knownApps.has(name)) continue
      this.#knownApps.add(name)
      say(`apps/${name} is new and may log in; start it with: pnpm turbo run dev --filter=${name}`)
    }
  }
}

interface Ended {
  readonly code: number
  readonly out: string
  readonly err: string
}

/** In a process of its own: what this one has loaded is the code from before the change. */
function runNode(
  signal: AbortSignal,
  env: Readonly<Record<string, string>>,
  script: string,
  ...args: readonly string[]
): Promise<Ended> {
  const command = ['--conditions=@alarm-bus/source', join(repositoryRoot, 'packages/ops/src', script), ...args]
  const options = { env: { ...process.env, ...env }, cwd: repositoryRoot, timeout: COMMAND_TIMEOUT_MS, signal }
  return new Promise((resolve) => {
    execFile(process.execPath, command, options, (error, out, err) =>
      resolve({ code: error ? 1 : 0, out, err: err || (error?.message ?? '') }),
    )
  })
}

function lastState(): string {
  return readJson<{ readonly state: string }>(statePath())?.state ?? ''
}

function rememberState(state: string): void {
  writeJson(statePath(), { state })
}

function statePath(): string {
  return join(devDir(), 'declared.json')
}

function firstLine(text: string): string {
  return text.trim().split('\n')[0] ?? ''
}
