import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite'
import { parentPort, workerData } from 'node:worker_threads'

/** What the thread is started with. */
export interface SqliteWorkerData {
  readonly path: string
  readonly timeoutMs: number
  /** Run on the new connection, in their order. */
  readonly pragmas: readonly string[]
}

/** A statement to run; `close` ends the thread. */
export type SqliteQuestion =
  | { readonly id: number; readonly sql: string; readonly parameters: readonly SQLInputValue[] }
  | 'close'

export interface SqliteAnswer {
  readonly id: number
  readonly rows?: readonly unknown[]
  readonly changes?: number | bigint
  readonly lastInsertRowid?: number | bigint
  readonly error?: SqliteFault
}

/** An error as it is sent: what is not the message of one is lost on the way otherwise. */
export interface SqliteFault {
  readonly name: string
  readonly message: string
  readonly code?: unknown
  readonly errcode?: unknown
  readonly errstr?: unknown
}

/** It gives room back page by page, and only where it is run to its end. */
const STEPS_ALONE = /^pragma incremental_vacuum/

/** One of 256 rows takes some 100 KiB. */
const MAX_STATEMENTS = 64
const statements = new Map<string, StatementSync>()

const { path, timeoutMs, pragmas } = workerData as SqliteWorkerData
const database = new DatabaseSync(path, { timeout: timeoutMs })
for (const pragma of pragmas) database.exec(pragma)

parentPort?.on('message', (question: SqliteQuestion) => {
  if (question === 'close') {
    database.close()
    parentPort?.close()
    return
  }
  const { id } = question
  let answer: SqliteAnswer
  try {
    answer = { id, ...run(question.sql, question.parameters) }
  } catch (error) {
    answer = { id, error: faultOf(error as Error) }
  }
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has none
  parentPort?.postMessage(answer)
})

function run(sql: string, parameters: readonly SQLInputValue[]): Omit<SqliteAnswer, 'id'> {
  if (STEPS_ALONE.test(sql)) {
    database.exec(sql)
    return {}
  }
  const statement = prepared(sql)
  if (statement.columns().length > 0) return { rows: statement.all(...parameters) }
  const { changes, lastInsertRowid } = statement.run(...parameters)
  return { changes, lastInsertRowid }
}

/** Preparing takes about as long as running: what was asked before is kept, and of those the ones asked last. */
function prepared(sql: string): StatementSync {
  const statement = statements.get(sql) ?? database.prepare(sql)
  statements.delete(sql)
  statements.set(sql, statement)
  const [oldest] = statements.keys()
  if (statements.size > MAX_STATEMENTS && oldest !== undefined) statements.delete(oldest)
  return statement
}

function faultOf(error: Error & Omit<SqliteFault, 'name' | 'message'>): SqliteFault {
  const { name, message, code, errcode, errstr } = error
  return { name, message, code, errcode, errstr }
}
