import { BUS_USER } from '../broker/accounts.ts'
import type { Brokers } from '../broker/brokers.ts'
import { startBrokers } from '../broker/brokers.ts'
import { Stage } from '../broker/stage.ts'
import type { ContenderName } from '../contenders/open.ts'
import type { Row } from '../rows/row.ts'
import type { Assignment } from '../worker/protocol.ts'
import type { RoundResult } from '../worker/task.ts'
import { ContenderProcess } from './contender-process.ts'
import { messagesOf, type Scale } from './scale.ts'

/** What one contender did in the rounds that count, or why it could not. */
export interface ContenderRun {
  readonly name: ContenderName
  readonly rounds: readonly RoundResult[]
  readonly error?: string
}

/** One row at one payload. */
export interface RowRun {
  readonly row: Row
  readonly payloadBytes: number
  readonly messages: number
  readonly natsServer: string
  readonly contenders: readonly ContenderRun[]
}

interface Runner {
  readonly name: ContenderName
  readonly key: string
  readonly rounds: RoundResult[]
  process: ContenderProcess | undefined
  error: string | undefined
}

export type OnProgress = (what: string) => void

export interface RunOptions {
  readonly scale: Scale
  readonly onProgress: OnProgress
  /** Further options for the contenders' Node, a profiler's for instance. */
  readonly nodeOptions: readonly string[]
  /** Directory of the checkout whose kit is the contender `before`. */
  readonly against: string | undefined
  /** Brokers on which the contenders are in another account than the streams. */
  readonly accounts: boolean
}

/** Runs one row on brokers of its own, one payload after the other. */
export async function* runRow(row: Row, options: RunOptions): AsyncGenerator<RowRun> {
  const brokers = await startBrokers(row.brokers, options.accounts)
  try {
    const stage = await Stage.open(brokers, options.accounts)
    try {
      for (const payloadBytes of options.scale.payloadsOf(row)) {
        yield await runPayload({ ...options, row, payloadBytes, brokers, stage })
      }
    } finally {
      await stage.close()
    }
  } finally {
    await brokers.stop()
  }
}

interface PayloadRun extends RunOptions {
  readonly row: Row
  readonly payloadBytes: number
  readonly brokers: Brokers
  readonly stage: Stage
}

async function runPayload(run: PayloadRun): Promise<RowRun> {
  const { row, scale, payloadBytes, brokers } = run
  const messages = messagesOf(row, scale, payloadBytes)
  const contenders = new Map<ContenderName, ContenderRun>()
  for (let start = 0; start < scale.starts; start++) {
    for (const { name, rounds, error } of await runOnce(run, messages)) {
      const before = contenders.get(name)
      const failed = before?.error ?? error
      const all = [...(before?.rounds ?? []), ...rounds]
      contenders.set(name, { name, rounds: all, ...(failed === undefined ? {} : { error: failed }) })
    }
  }
  return {
    row,
    payloadBytes,
    messages,
    natsServer: brokers.servers[0]?.version ?? '',
    contenders: [...contenders.values()],
  }
}

/** One process for each contender, for its warm-ups and the rounds that count. */
async function runOnce(run: PayloadRun, messages: number): Promise<readonly Runner[]> {
  const { row, scale, payloadBytes, stage, onProgress } = run
  const runners = await startRunners(run, messages)
  try {
    for (let round = -scale.warmUps; round < scale.rounds; round++) {
      // Turn and turn about, so that none always runs on what the other left behind.
      for (const runner of round % 2 === 0 ? runners : runners.toReversed()) {
        if (runner.process === undefined || runner.error !== undefined) continue
        const which = round < 0 ? 'warm-up' : `round ${round + 1} of ${scale.rounds}`
        onProgress(`${row.name}, ${payloadBytes} B, ${which}: ${runner.name}`)
        await doRound(runner, messages, round >= 0)
        if (row.stream === 'emptied') await stage.empty(runner.key)
      }
    }
    return runners
  } finally {
    await Promise.all(runners.map((runner) => runner.process?.end()))
    for (const key of new Set(runners.map((runner) => runner.key))) await stage.empty(key)
  }
}

async function startRunners(
  { row, payloadBytes, brokers, stage, onProgress, nodeOptions, against }: PayloadRun,
  messages: number,
): Promise<readonly Runner[]> {
  const runners: Runner[] = []
  const prepared = new Map<string, string>()
  for (const name of row.contenders) {
    const key = row.stream === 'own' ? `${name}-${payloadBytes}` : `all-${payloadBytes}`
    onProgress(`${row.name}, ${payloadBytes} B: starting ${name}`)
    let url = prepared.get(key)
    if (url === undefined) {
      url = await stage.makeStream(key)
      if (row.stream === 'filled') await stage.fill(key, payloadBytes, messages)
      prepared.set(key, url)
    }
    const runner: Runner = { name, key, rounds: [], process: undefined, error: undefined }
    const work = { ...row.work, url, key, payloadBytes, brokerPids: brokers.servers.map((server) => server.pid) }
    try {
      const options = [...row.nodeOptions, ...nodeOptions]
      runner.process = await start(name, { task: row.task, work }, options, against)
    } catch (error) {
      runner.error = (error as Error).message
    }
    runners.push(runner)
  }
  return runners
}

function start(
  name: ContenderName,
  { task, work }: Omit<Assignment, 'contender'>,
  options: readonly string[],
  against: string | undefined,
): Promise<ContenderProcess> {
  if (name === 'before') return ContenderProcess.start({ contender: 'kit', task, work }, options, against)
  if (name !== 'raw-one-account') return ContenderProcess.start({ contender: name, task, work }, options)
  return ContenderProcess.start({ contender: 'raw', task, work: { ...work, auth: BUS_USER } }, options)
}

async function doRound(runner: Runner, messages: number, counts: boolean): Promise<void> {
  try {
    const result = await runner.process?.round(messages)
    if (counts && result) runner.rounds.push(result)
  } catch (error) {
    // A contender that loses a message is out: its other rounds would only look fast.
    runner.error = (error as Error).message
  }
}
