import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import type { BrokerProcess } from './broker-process.ts'
import { forgetOnExit, removeOnExit, startBrokerProcess } from './broker-process.ts'
import { readConf, rewriteStoreDir } from './conf.ts'
import { NatsServerError } from './errors.ts'
import { findNatsServer } from './find.ts'
import type { NatsServer, StartNatsServerOptions } from './options.ts'
import { checkStartOptions } from './options.ts'
import type { ReadyServer } from './ready.ts'
import { waitUntilReady } from './ready.ts'
import { standStill } from './stand-still.ts'

const DEFAULT_START_TIMEOUT_MS = 15_000
const DEFAULT_STOP_TIMEOUT_MS = 10_000
const PORT_TAKEN = /listen tcp \S*?:(\d+): bind: (?:address already in use|Only one usage)/
const CONFIG_ERROR = /^nats-server: (.+)/m

/** Where one broker keeps its files. */
interface Folders {
  /** For the files of this start; deleted when the process has ended. */
  readonly runDir: string
  readonly storeDir: string
  readonly isOwnStore: boolean
}

/**
 * Starts a nats-server and resolves when it answers, and is certainly the one that was started.
 *
 * Brokers with the same configuration run side by side: ports of clients and of the monitor, store directory, pid file and
 * log file of a configuration are overridden. Ports of clusters, leaf nodes, websockets and MQTT are not.
 * @throws NatsServerError `invalid_options`, `config_error`, `port_taken`, `exited_early`, `start_timeout`,
 * `wrong_server`, and what `findNatsServer` throws.
 */
export async function startNatsServer(options: StartNatsServerOptions = {}): Promise<NatsServer> {
  checkStartOptions(options)
  const binary = options.binary ?? (await findBinary(options))
  const folders = await makeFolders(options.storeDir)
  let broker: BrokerProcess | undefined
  try {
    const args = await commandLine(options, folders)
    broker = startBrokerProcess(binary, args, options)
    const started = broker
    const timeoutMs = options.startTimeoutMs ?? DEFAULT_START_TIMEOUT_MS
    const ready = await waitUntilReady(started, folders.runDir, timeoutMs, () => exitError(started, folders, options))
    return runningServer(started, ready, folders, options.stopTimeoutMs ?? DEFAULT_STOP_TIMEOUT_MS)
  } catch (error) {
    broker?.signal('SIGKILL')
    await broker?.exited
    await remove(folders.runDir)
    if (folders.isOwnStore) await remove(folders.storeDir)
    throw error
  }
}

async function findBinary({ onProgress }: StartNatsServerOptions): Promise<string> {
  const found = await findNatsServer(onProgress ? { onProgress } : {})
  return found.path
}

async function makeFolders(givenStoreDir: string | undefined): Promise<Folders> {
  const runDir = await mkdtemp(join(tmpdir(), 'nats-server-run-'))
  removeOnExit(runDir)
  if (givenStoreDir !== undefined) {
    const storeDir = resolve(givenStoreDir)
    await mkdir(storeDir, { recursive: true })
    return { runDir, storeDir, isOwnStore: false }
  }
  const storeDir = await mkdtemp(join(tmpdir(), 'nats-server-store-'))
  removeOnExit(storeDir)
  return { runDir, storeDir, isOwnStore: true }
}

async function remove(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true, maxRetries: 3 })
  forgetOnExit(folder)
}

/** What the command line sets wins over the configuration, the store directory excepted: see `rewriteStoreDir`. */
async function commandLine(options: StartNatsServerOptions, folders: Folders): Promise<string[]> {
  const { runDir, storeDir } = folders
  const monitorPort = options.monitorPort ?? 0
  const args = ['-a', options.host ?? '127.0.0.1', '-p', String(options.port || -1)]
  // nats-server reads 0 as "none" and -1 as "any free port".
  args.push('-m', monitorPort === false ? '0' : String(monitorPort || -1))
  // An empty log file name sends the log here also where the configuration names a file.
  args.push('-l', '', '-P', join(runDir, 'nats-server.pid'), '--ports_file_dir', runDir)
  if (options.serverName !== undefined) args.push('-n', options.serverName)
  if (options.jetstream) args.push('-js')
  const { config, configText } = options
  if (config === undefined && configText === undefined) return [...args, '-sd', storeDir]

  const text = configText ?? (await readConf(config ?? ''))
  const folder = config === undefined ? process.cwd() : dirname(resolve(config))
  const rewritten = await rewriteStoreDir(text, folder, storeDir)
  if (!rewritten.hasStoreDir) args.push('-sd', storeDir)
  // The file itself is used where possible, so that nats-server's messages point into it.
  if (config !== undefined && !rewritten.hasStoreDir) return [...args, '-c', config]
  const copy = rewrittenPath(runDir)
  await writeFile(copy, rewritten.text, { mode: 0o600 })
  return [...args, '-c', copy]
}

function rewrittenPath(runDir: string): string {
  return join(runDir, 'nats-server.conf')
}

function exitError(broker: BrokerProcess, folders: Folders, options: StartNatsServerOptions): NatsServerError {
  const shownConf = options.config ?? 'configText'
  const log = broker.lastLines().join('\n').replaceAll(rewrittenPath(folders.runDir), shownConf)
  const taken = PORT_TAKEN.exec(log)?.[1]
  if (taken) return new NatsServerError('port_taken', `port ${taken} is taken by another process:\n${log}`)
  const fault = CONFIG_ERROR.exec(log)?.[1]
  if (fault) return new NatsServerError('config_error', `nats-server refuses its configuration: ${fault}`)
  return new NatsServerError('exited_early', `nats-server ended before it was ready. Its last lines:\n${log}`)
}

function runningServer(broker: BrokerProcess, ready: ReadyServer, folders: Folders, stopTimeoutMs: number): NatsServer {
  const exited = broker.exited.then(async (exit) => {
    // A file that cannot be deleted must not turn the end of the process into an unhandled rejection.
    await remove(folders.runDir).catch(() => {})
    return exit
  })
  const kill = async (): Promise<void> => {
    broker.signal('SIGKILL')
    await exited
  }
  const stop = async (): Promise<void> => {
    broker.signal('SIGTERM')
    // A paused process takes the signal only once it goes on.
    broker.signal('SIGCONT')
    const timer = setTimeout(() => broker.signal('SIGKILL'), stopTimeoutMs)
    await exited
    clearTimeout(timer)
    if (folders.isOwnStore) await remove(folders.storeDir)
  }
  return {
    url: ready.url,
    host: ready.host,
    port: ready.port,
    monitorUrl: ready.monitorUrl,
    pid: broker.pid ?? 0,
    serverId: ready.info.serverId,
    serverName: ready.info.serverName,
    version: ready.info.version,
    storeDir: folders.storeDir,
    exited,
    stop,
    kill,
    pause: () => standStill(broker),
    resume: () => broker.signal('SIGCONT'),
    [Symbol.asyncDispose]: stop,
  }
}
