import type { SQLInputValue } from 'node:sqlite'
import { Worker } from 'node:worker_threads'
import {
  CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type QueryResult,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from 'kysely'
import type { SqliteAnswer, SqliteFault, SqliteQuestion, SqliteWorkerData } from './sqlite-worker.ts'

/** Beside this file: as a source, as it was built, and in the image's bundle. */
const WORKER = new URL(import.meta.url.endsWith('.ts') ? './sqlite-worker.ts' : './sqlite-worker.js', import.meta.url)

/**
 * Kysely's SQLite with the database in a thread of its own: whatever a statement takes, the event loop goes on. One
 * connection, as Kysely expects it of SQLite, so statements wait for each other in the order in which they were asked.
 *
 * A thread that ends by itself fails what it was asked, and the next statement starts another.
 */
export function sqliteThread(data: SqliteWorkerData): Dialect {
  return {
    createAdapter: () => new SqliteAdapter(),
    createDriver: () => new SqliteThread(data),
    createIntrospector: (kysely) => new SqliteIntrospector(kysely),
    createQueryCompiler: () => new SqliteQueryCompiler(),
  }
}

type Settle = (answer: SqliteAnswer | Error) => void

class SqliteThread implements Driver, DatabaseConnection {
  readonly #data: SqliteWorkerData
  readonly #waiting = new Map<number, Settle>()
  #worker: Worker | undefined
  #lastId = 0
  #isClosed = false

  constructor(data: SqliteWorkerData) {
    this.#data = data
  }

  async init(): Promise<void> {
    this.#worker = this.#start()
  }

  async acquireConnection(): Promise<DatabaseConnection> {
    return this
  }

  async releaseConnection(): Promise<void> {
    // The only one stays.
  }

  async beginTransaction(): Promise<void> {
    await this.executeQuery(CompiledQuery.raw('begin'))
  }

  async commitTransaction(): Promise<void> {
    await this.executeQuery(CompiledQuery.raw('commit'))
  }

  async rollbackTransaction(): Promise<void> {
    await this.executeQuery(CompiledQuery.raw('rollback'))
  }

  async executeQuery<R>({ sql, parameters }: CompiledQuery): Promise<QueryResult<R>> {
    const { rows = [], changes, lastInsertRowid } = await this.#ask(sql, parameters as SQLInputValue[])
    return {
      rows: rows as R[],
      ...(changes !== undefined && { numAffectedRows: BigInt(changes) }),
      ...(lastInsertRowid !== undefined && { insertId: BigInt(lastInsertRowid) }),
    }
  }

  // oxlint-disable-next-line require-yield
  async *streamQuery(): AsyncGenerator<never> {
    throw new Error('SQLite is read in steps, and not as a stream')
  }

  /** What was asked before is answered; then the file is closed. */
  async destroy(): Promise<void> {
    this.#isClosed = true
    const worker = this.#worker
    if (!worker) return
    worker.ref()
    const ended = new Promise<void>((resolve) => void worker.once('exit', () => resolve()))
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has none
    worker.postMessage('close' satisfies SqliteQuestion)
    await ended
  }

  async #ask(sql: string, parameters: readonly SQLInputValue[]): Promise<SqliteAnswer> {
    if (this.#isClosed) throw new Error('the database is closed')
    const worker = (this.#worker ??= this.#start())
    const id = ++this.#lastId
    const answer = await new Promise<SqliteAnswer | Error>((resolve) => {
      this.#waiting.set(id, resolve)
      // A pending request keeps the process; the thread alone does not.
      if (this.#waiting.size === 1) worker.ref()
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has none
      worker.postMessage({ id, sql, parameters } satisfies SqliteQuestion)
    })
    if (answer instanceof Error) throw answer
    if (answer.error) throw errorOf(answer.error)
    return answer
  }

  #start(): Worker {
    const worker = new Worker(WORKER, { workerData: this.#data })
    let trouble: unknown
    worker.on('message', (answer: SqliteAnswer) => {
      const settle = this.#waiting.get(answer.id)
      this.#waiting.delete(answer.id)
      if (this.#waiting.size === 0 && !this.#isClosed) worker.unref()
      settle?.(answer)
    })
    worker.on('error', (error) => (trouble = error))
    worker.once('exit', () => {
      if (this.#worker === worker) this.#worker = undefined
      const { code, errcode } = (trouble ?? {}) as Partial<SqliteFault>
      const why = trouble instanceof Error ? `: ${trouble.message}` : ''
      const error = Object.assign(new Error(`the thread of SQLite ended${why}`, { cause: trouble }), { code, errcode })
      for (const settle of this.#waiting.values()) settle(error)
      this.#waiting.clear()
    })
    worker.unref()
    return worker
  }
}

function errorOf({ name, message, ...details }: SqliteFault): Error {
  const Kind = { TypeError, RangeError }[name] ?? Error
  return Object.assign(new Kind(message), details)
}
