import { readFile, readdir } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { BrokerProcess } from './broker-process.ts'
import { NatsServerError } from './errors.ts'

export interface ReadyServer {
  readonly url: string
  readonly host: string
  readonly port: number
  readonly monitorUrl: string | undefined
  readonly info: ServerInfo
}

/** What is read of the INFO line with which every NATS server greets a client. */
export interface ServerInfo {
  readonly serverId: string
  readonly serverName: string
  readonly version: string
}

interface Ports {
  readonly nats: readonly string[]
  readonly monitoring: readonly string[]
}

const POLL_MS = 20
const ASK_TIMEOUT_MS = 2_000
const INFO_MAX_CHARACTERS = 64 * 1024

/**
 * Waits until the broker that was started answers on its port, and until its monitor, where it has one, reports it
 * healthy: then JetStream has recovered its streams. That it is the right one is proved by the `server_id`: nats-server
 * makes a new one for each process, prints it in its log, which is a pipe from the child alone, and sends it in INFO.
 * @throws NatsServerError `wrong_server`, `start_timeout`, or what `exitError` makes of a process that ended.
 */
export async function waitUntilReady(
  broker: BrokerProcess,
  portsDir: string,
  timeoutMs: number,
  exitError: () => Error,
): Promise<ReadyServer> {
  const deadline = Date.now() + timeoutMs
  const poll = async <T>(what: string, ask: () => Promise<T | undefined> | T | undefined): Promise<T> => {
    while (Date.now() < deadline) {
      if (broker.hasExited()) throw exitError()
      const answer = await ask()
      if (answer !== undefined) return answer
      await sleep(POLL_MS)
    }
    const log = broker.lastLines().join('\n')
    throw new NatsServerError('start_timeout', `nats-server ${what} within ${timeoutMs} ms. Its last lines:\n${log}`)
  }
  const ports = await poll('named no port', () => readPorts(portsDir, broker.pid))
  const serverId = await poll('printed no server id', () => broker.serverId())
  const url = preferLoopback(ports.nats) ?? ''
  const { hostname, port } = new URL(url)
  const host = hostname.replace(/^\[|\]$/g, '')
  const info = await poll(`did not answer at ${url}`, () => readInfo(host, Number(port)))
  if (info.serverId !== serverId) {
    const message = `${url} answers as server ${info.serverId} (${info.serverName}), but the one started is ${serverId}`
    throw new NatsServerError('wrong_server', message)
  }
  const monitorUrl = preferLoopback(ports.monitoring)
  // A monitor on HTTPS may have a certificate that is not trusted here; then INFO has to do.
  if (monitorUrl?.startsWith('http:')) await poll('was not healthy', () => isHealthy(monitorUrl))
  return { url, host, port: Number(port), monitorUrl, info }
}

/** The file is written by nats-server, named after the executable and the process, once it listens. */
async function readPorts(portsDir: string, pid: number | undefined): Promise<Ports | undefined> {
  try {
    const name = (await readdir(portsDir)).find((candidate) => candidate.endsWith(`_${pid}.ports`))
    if (!name) return undefined
    const { nats, monitoring } = JSON.parse(await readFile(join(portsDir, name), 'utf8')) as Partial<Ports>
    return nats?.length ? { nats, monitoring: monitoring ?? [] } : undefined
  } catch {
    // A file that is only half written is read again.
    return undefined
  }
}

function preferLoopback(urls: readonly string[]): string | undefined {
  return urls.find((url) => url.includes('//127.0.0.1:')) ?? urls[0]
}

/** Reads the INFO line of whatever answers there; undefined when nothing does, or when it is no NATS server. */
export function readInfo(host: string, port: number): Promise<ServerInfo | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host, port })
    let text = ''
    const finish = (info?: ServerInfo): void => {
      socket.destroy()
      resolve(info)
    }
    socket.setTimeout(ASK_TIMEOUT_MS, () => finish())
    socket.once('error', () => finish())
    socket.once('close', () => finish())
    socket.on('data', (chunk) => {
      text += chunk.toString('utf8')
      const end = text.indexOf('\r\n')
      if (end >= 0) finish(parseInfo(text.slice(0, end)))
      else if (text.length > INFO_MAX_CHARACTERS) finish()
    })
  })
}

function parseInfo(line: string): ServerInfo | undefined {
  try {
    const info = JSON.parse(line.replace(/^INFO /, '')) as Record<string, unknown>
    const { server_id: serverId, server_name: serverName, version } = info
    if (typeof serverId !== 'string') return undefined
    return { serverId, serverName: String(serverName ?? ''), version: String(version ?? '') }
  } catch {
    return undefined
  }
}

async function isHealthy(monitorUrl: string): Promise<true | undefined> {
  try {
    const response = await fetch(new URL('/healthz', monitorUrl), {
      signal: AbortSignal.timeout(ASK_TIMEOUT_MS),
      headers: { connection: 'close' },
    })
    await response.arrayBuffer()
    return response.ok ? true : undefined
  } catch {
    return undefined
  }
}
