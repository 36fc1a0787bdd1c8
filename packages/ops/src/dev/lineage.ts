import { ancestors, isAlive, programNames, type RunningProcess } from './processes.ts'

const LOOK_MS = 400
/** What a person types to start something here, and what that starts in turn. */
const LAUNCHER = /^(npm|npx|pnpm|pn|yarn|turbo)(-cli)?(\.[cm]?js|\.exe)?$/
const GO_BETWEEN = /^(sh|dash|bash|node)(\.exe)?$/

/** The processes between a command that a person typed and this process, from the parent upwards. */
export interface Lineage {
  readonly processes: readonly RunningProcess[]
  /** The nearest turbo, which runs this task; undefined without one. */
  readonly turboPid: number | undefined
  /** What started the command was gone before this process could look. */
  readonly isOrphan: boolean
}

/** Call it early: who is gone already cannot be found any more. */
export function lineageOfThisProcess(): Lineage {
  const chain = ancestors()
  const processes = commandPart(chain)
  const turbo = processes.find((candidate) => programNames(candidate)[0] === 'turbo')
  return { processes, turboPid: turbo?.pid, isOrphan: cameFromNpx() && !chain.some(isNpm) }
}

/** npx keeps the pnpm that it runs in a directory of its own, and stays while that runs. */
function cameFromNpx(): boolean {
  return /[\\/]_npx[\\/]/.test(process.env['npm_execpath'] ?? '')
}

function isNpm(candidate: RunningProcess): boolean {
  return programNames(candidate).some((name) => /^np[mx](-cli)?(\.[cm]?js)?$/.test(name))
}

/**
 * From the parent up to the outermost launcher. A shell or an editor from which the command was started is not part of
 * it: closing that one is no reason to end, unless the system says so with a signal.
 */
export function commandPart(chain: readonly RunningProcess[]): readonly RunningProcess[] {
  const end = chain.findIndex((candidate) => !isLauncher(candidate) && !isGoBetween(candidate))
  const candidates = end === -1 ? chain : chain.slice(0, end)
  return candidates.slice(0, candidates.findLastIndex(isLauncher) + 1)
}

function isLauncher(candidate: RunningProcess): boolean {
  return programNames(candidate).some((name) => LAUNCHER.test(name))
}

/** An interactive shell is none: only one that runs a single command. */
function isGoBetween(candidate: RunningProcess): boolean {
  const [program = ''] = programNames(candidate)
  return GO_BETWEEN.test(program) && (program.startsWith('node') || candidate.command[1] === '-c')
}

/**
 * Calls back once when one of these processes is gone. Signals do not reach everything: npx without a terminal ends on
 * SIGTERM and leaves its command behind, and nothing passes on a SIGKILL.
 */
export function whenOneEnds(lineage: Lineage, callback: () => void): void {
  const timer = setInterval(() => {
    if (!lineage.isOrphan && lineage.processes.every(({ pid }) => isAlive(pid))) return
    clearInterval(timer)
    callback()
  }, LOOK_MS)
  timer.unref()
}
