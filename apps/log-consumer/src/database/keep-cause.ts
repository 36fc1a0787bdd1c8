import type { Dialect } from 'kysely'

/**
 * A dialect whose transactions reject with what ended them. Kysely rejects with the rollback's error where that fails too,
 * which it does after a full disk: SQLite has rolled back by itself then.
 */
export function keepCause(dialect: Dialect): Dialect {
  return {
    createDriver() {
      const driver = dialect.createDriver()
      const rollback = driver.rollbackTransaction.bind(driver)
      driver.rollbackTransaction = (connection) => rollback(connection).catch(() => undefined)
      return driver
    },
    createQueryCompiler: () => dialect.createQueryCompiler(),
    createAdapter: () => dialect.createAdapter(),
    createIntrospector: (kysely) => dialect.createIntrospector(kysely),
  }
}
