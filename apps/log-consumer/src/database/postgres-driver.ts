import type { CompiledQuery, DatabaseConnection, Driver, QueryResult, TransactionSettings } from 'kysely'
import type { Pool, PoolClient } from 'pg'
import { isNodeFault } from './is-node-fault.ts'

/**
 * Runs statements on a pool of connections.
 *
 * - Every statement runs in a transaction, one of its own where there is none, which begins with `settings`. So they hold
 *   where a pooler hands each transaction to another session, and change no session that another client gets next.
 * - A connection that has failed by the fault of its node is closed, and with it all that were opened before: idle ones
 *   at their next use, others when their work ends. What was opened later reaches a node as it is then.
 * - What a transaction rejects with is what ended it. A rollback that fails closes the connection, which rolls back.
 */
export class PostgresDriver implements Driver {
  readonly #pool: Pool
  readonly #begin: string
  readonly #opened = new WeakMap<PoolClient, { readonly renewal: number; error?: Error }>()
  /** How often the connections were renewed. */
  #renewals = 0

  /** @param settings statements that hold for one transaction. */
  constructor(pool: Pool, settings: readonly string[]) {
    this.#pool = pool
    this.#begin = ['begin', ...settings].join('; ')
    pool.on('connect', (client) => {
      const opened: { readonly renewal: number; error?: Error } = { renewal: this.#renewals }
      this.#opened.set(client, opened)
      // The pool listens only while a connection is idle; an error event without a listener ends the process.
      client.on('error', (error) => (opened.error ??= error))
    })
    // It closes the connection itself.
    pool.on('error', () => undefined)
  }

  async init(): Promise<void> {
    // The pool opens connections when they are needed.
  }

  async acquireConnection(): Promise<PostgresConnection> {
    for (;;) {
      const client = await this.#pool.connect()
      const opened = this.#opened.get(client)
      if (opened?.renewal !== this.#renewals) {
        client.release(true)
        continue
      }
      return new PostgresConnection(client, this.#begin, (error) => {
        if (!isNodeFault(error)) return error
        if (opened.renewal === this.#renewals) this.#renewals++
        // What has ended the connection before says more than that it cannot be used.
        return opened.error ?? error
      })
    }
  }

  beginTransaction(connection: PostgresConnection, settings: TransactionSettings): Promise<void> {
    const { isolationLevel, accessMode } = settings
    if (isolationLevel !== undefined || accessMode !== undefined) throw new Error('transactions have no settings here')
    return connection.begin()
  }

  commitTransaction(connection: PostgresConnection): Promise<void> {
    return connection.commit()
  }

  rollbackTransaction(connection: PostgresConnection): Promise<void> {
    return connection.rollback()
  }

  async releaseConnection(connection: PostgresConnection): Promise<void> {
    connection.release()
  }

  destroy(): Promise<void> {
    return this.#pool.end()
  }
}

class PostgresConnection implements DatabaseConnection {
  readonly #client: PoolClient
  readonly #begin: string
  /** Sees each error of the connection, and says what to throw. */
  readonly #onError: (error: unknown) => unknown
  #inTransaction = false
  #isBroken = false

  constructor(client: PoolClient, begin: string, onError: (error: unknown) => unknown) {
    this.#client = client
    this.#begin = begin
    this.#onError = onError
  }

  async executeQuery<Row>(query: CompiledQuery): Promise<QueryResult<Row>> {
    if (this.#inTransaction) return this.#run(query.sql, query.parameters)
    await this.begin()
    try {
      const result = await this.#run<Row>(query.sql, query.parameters)
      await this.commit()
      return result
    } catch (error) {
      await this.rollback()
      throw error
    }
  }

  // oxlint-disable-next-line require-yield
  async *streamQuery(): AsyncGenerator<never> {
    throw new Error('queries are read in steps and not as streams')
  }

  async begin(): Promise<void> {
    this.#inTransaction = true
    await this.#query(this.#begin)
  }

  async commit(): Promise<void> {
    const { command } = await this.#query('commit')
    this.#inTransaction = false
    if (command === 'ROLLBACK') throw new Error('a statement had failed, and the transaction was rolled back')
  }

  /** Never rejects. */
  async rollback(): Promise<void> {
    if (!this.#inTransaction || this.#isBroken) return
    try {
      await this.#query('rollback')
      this.#inTransaction = false
    } catch {
      this.#isBroken = true
    }
  }

  /** One whose state is unknown is closed. */
  release(): void {
    this.#client.release(this.#isBroken || this.#inTransaction)
  }

  async #run<Row>(text: string, parameters: readonly unknown[] = []): Promise<QueryResult<Row>> {
    const { command, rowCount, rows } = await this.#query(text, parameters)
    const isChange = /^(INSERT|UPDATE|DELETE|MERGE)$/.test(command ?? '')
    return { ...(isChange && { numAffectedRows: BigInt(rowCount ?? 0) }), rows: (rows ?? []) as Row[] }
  }

  async #query(text: string, parameters: readonly unknown[] = []) {
    try {
      return await this.#client.query(text, [...parameters])
    } catch (error) {
      this.#isBroken ||= isNodeFault(error)
      throw this.#onError(error)
    }
  }
}
