import { newCommand, readCommandLine, repeatable, UsageError, wholeNumber } from '@alarm-bus/command-line'
import { X509Certificate } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Output } from '../output.ts'
import { type Certificate, makeAuthority, makeServerCertificate } from './make-certificates.ts'

const DEFAULT_DAYS = 365
/** As long as an authority made today holds. */
const MAX_DAYS = 3_650

const NOTES = `Writes ca.pem and ca-key.pem where they are missing, and HOST.pem and
HOST-key.pem for each server. An authority that exists signs: run it again
before the certificates expire, and let each broker read them again (SIGHUP, or
a restart). Brokers need their own pair and ca.pem, clients ca.pem alone; keep
ca-key.pem where certificates are signed. Needs no broker.`

interface Command {
  readonly out: string
  readonly servers: readonly string[]
  /** Further names of each. */
  readonly also: readonly string[]
  readonly days: number
}

/** The process's exit code: 0 when they are written, else 1. Keys are written and never shown. */
export async function runCertificates(argv: readonly string[], output: Output = console): Promise<number> {
  try {
    const command = readCommand(argv)
    if (typeof command === 'string') {
      output.log(command)
      return 0
    }
    const { out, servers, also, days } = command
    // The keys are readable in there, since a container's root without capabilities is not their owner: the folder
    // keeps other users of this machine out.
    await mkdir(out, { recursive: true, mode: 0o700 })
    const authority = await authorityIn(out, output)
    for (const server of servers) {
      const made = await makeServerCertificate(authority, [server, ...also], days)
      await write(out, server, made)
      output.log(`${join(out, `${server}.pem`)}  until ${untilOf(made.cert)}`)
    }
    return 0
  } catch (error) {
    output.error(`ops certificates: ${(error as Error).message}`)
    return 1
  }
}

function readCommand(argv: readonly string[]): Command | string {
  const command = newCommand(
    'pnpm ops certificates',
    'Certificates of brokers, for their clients (nats.tls.conf) and the routes between them (nats.cluster.conf).',
    NOTES,
  )
    .requiredOption('--out <folder>', 'where they go; created if missing, for its owner alone')
    .option(
      '--server <host>',
      'name or address in NATS_SERVERS and NATS_ROUTES; repeat it for each. Default: nats, nats-1, nats-2 and nats-3, the names in the compose files',
      repeatable,
    )
    .option(
      '--also <host>',
      'name or address that each of them has beside its own; repeat it for each. With the default servers: localhost and 127.0.0.1, where compose publishes their ports',
      repeatable,
    )
    .option('--days <n>', 'how long they are valid', wholeNumber(1, MAX_DAYS), DEFAULT_DAYS)
  const help = readCommandLine(command, argv.length === 0 ? ['--help'] : argv)
  if (help !== undefined) return help
  const { out, server, also: further, days } = command.opts()
  const servers = [...new Set(server ?? ['nats', 'nats-1', 'nats-2', 'nats-3'])]
  const also = further ?? (server === undefined ? ['localhost', '127.0.0.1'] : [])
  // They become names of files.
  const odd = [...servers, ...also].find((name) => !/^[A-Za-z0-9][A-Za-z0-9.:-]{0,252}$/.test(name) || name === 'ca')
  if (odd !== undefined) throw new UsageError(`${JSON.stringify(odd)} is not a server name or address`)
  return { out, servers, also, days }
}

async function authorityIn(folder: string, output: Output): Promise<Certificate> {
  const [certFile, keyFile] = [join(folder, 'ca.pem'), join(folder, 'ca-key.pem')]
  if (!existsSync(certFile) && !existsSync(keyFile)) {
    const made = await makeAuthority()
    await write(folder, 'ca', made)
    output.log(`${certFile}  until ${untilOf(made.cert)}, a new authority`)
    return made
  }
  const missing = [certFile, keyFile].find((file) => !existsSync(file))
  // A new authority in place of the old one would cut the brokers that trust the old one off from the others.
  if (missing !== undefined)
    throw new UsageError(`${missing} is missing beside the other half of its pair; put it back`)
  return { cert: await readFile(certFile, 'utf8'), key: await readFile(keyFile, 'utf8') }
}

async function write(folder: string, name: string, { cert, key }: Certificate): Promise<void> {
  await writeFile(join(folder, `${name}.pem`), cert)
  await writeFile(join(folder, `${name}-key.pem`), key, { mode: name === 'ca' ? 0o600 : 0o644 })
}

function untilOf(cert: string): string {
  return new X509Certificate(cert).validToDate.toISOString().slice(0, 10)
}
