import { connect, type Socket } from 'node:net'

/** One message as a foreign client writes it. Without a header block it goes out as PUB, with one as HPUB. */
export interface Frame {
  readonly header: Uint8Array | undefined
  readonly body: Uint8Array
}

/** The server's answer to a frame: stored under a sequence, or why not. */
export type Answer = { readonly seq: number; readonly duplicate: boolean } | { readonly error: string }

const CRLF = Buffer.from('\r\n')
/** Requests that wait for the socket at once; more would only fill this process's memory. */
const MAX_UNSENT_BYTES = 4 * 1024 * 1024

/**
 * A NATS connection that knows nothing but frames: it writes any bytes where header and body belong and reads the
 * server's answers itself. No client library checks or changes what it sends.
 */
export class RawConnection {
  readonly #socket: Socket
  readonly #inbox = `_RAW_${process.pid}_${Math.floor(Math.random() * 1e9)}`
  readonly #waiting = new Map<string, (answer: Answer) => void>()
  #received: Buffer = Buffer.alloc(0)
  #next = 0
  #broken: string | undefined

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', (bytes: Buffer) => this.#read(bytes))
    socket.on('error', (error) => this.#break(error.message))
    socket.on('close', () => this.#break('the server closed the connection'))
  }

  static async open(port: number): Promise<RawConnection> {
    const socket = connect(port, '127.0.0.1')
    await new Promise<void>((resolve, reject) => {
      socket.once('data', () => resolve())
      socket.once('error', reject)
    })
    const raw = new RawConnection(socket)
    socket.write(
      'CONNECT {"headers":true,"verbose":false,"pedantic":false,"lang":"raw","version":"0","protocol":1}\r\n',
    )
    socket.write(`SUB ${raw.#inbox}.* 1\r\n`)
    return raw
  }

  /** Why the server ended the connection; undefined while it is open. */
  get broken(): string | undefined {
    return this.#broken
  }

  /** Resolves with the server's answer; never, where the server gives none. */
  async publish(subject: string, { header, body }: Frame): Promise<Answer> {
    const id = `${this.#next++}`
    const answer = new Promise<Answer>((resolve) => this.#waiting.set(id, resolve))
    const sizes = header ? `${header.length} ${header.length + body.length}` : `${body.length}`
    const line = Buffer.from(`${header ? 'HPUB' : 'PUB'} ${subject} ${this.#inbox}.${id} ${sizes}\r\n`)
    this.#socket.write(Buffer.concat([line, header ?? Buffer.alloc(0), body, CRLF]))
    if (this.#socket.writableLength > MAX_UNSENT_BYTES) {
      await new Promise<void>((resolve) => this.#socket.once('drain', resolve))
    }
    return answer
  }

  close(): void {
    this.#socket.destroy()
  }

  #break(why: string): void {
    this.#broken ??= why
    for (const resolve of this.#waiting.values()) resolve({ error: this.#broken })
    this.#waiting.clear()
  }

  #read(bytes: Buffer): void {
    this.#received = this.#received.length === 0 ? bytes : Buffer.concat([this.#received, bytes])
    for (;;) {
      const end = this.#received.indexOf(CRLF)
      if (end < 0) return
      const words = this.#received.toString('latin1', 0, end).split(' ')
      let next = end + 2
      if (words[0] === 'MSG' || words[0] === 'HMSG') {
        const size = Number(words.at(-1))
        if (this.#received.length < next + size + 2) return
        const head = words[0] === 'HMSG' ? Number(words.at(-2)) : 0
        this.#answered(words[1] ?? '', this.#received.subarray(next + head, next + size), head > 0)
        next += size + 2
      } else if (words[0] === 'PING') this.#socket.write('PONG\r\n')
      else if (words[0] === '-ERR') this.#break(words.slice(1).join(' '))
      this.#received = this.#received.subarray(next)
    }
  }

  #answered(subject: string, body: Buffer, isStatus: boolean): void {
    const id = subject.slice(subject.lastIndexOf('.') + 1)
    const resolve = this.#waiting.get(id)
    this.#waiting.delete(id)
    if (resolve) resolve(answerOf(body, isStatus))
  }
}

function answerOf(body: Buffer, isStatus: boolean): Answer {
  if (isStatus || body.length === 0) return { error: 'no stream took it' }
  const {
    seq,
    duplicate = false,
    error,
  } = JSON.parse(body.toString()) as {
    readonly seq?: number
    readonly duplicate?: boolean
    readonly error?: { readonly err_code?: number; readonly description?: string }
  }
  if (error || !seq) return { error: `${error?.err_code}: ${error?.description}` }
  return { seq, duplicate }
}
