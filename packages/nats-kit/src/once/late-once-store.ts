import type { Connection } from '../connection/connection.ts'
import { KitError, KitErrorCode } from '../errors.ts'
import type { ConnectionUser } from '../handling/connection-user.ts'
import { checkedLeaseMs, createKvOnceStore, type KvOnceStoreOptions } from './kv-once-store.ts'
import type { OnceStore } from './once-store.ts'

/** A store that the subscriber of its handlers opens and closes. */
export type LateOnceStore = OnceStore & ConnectionUser

/**
 * The store of `createKvOnceStore` for callers that have no connection yet, as an app that writes its handlers down before
 * `createBus` connects. The subscriber opens it before the first message and closes it after the last; handlers of one
 * connection may share it. What the app's user needs on the broker is the same.
 *
 * @throws KitError `invalid_options`. A claim before a subscriber opened it rejects with that too.
 */
export function kvOnceStore(options: KvOnceStoreOptions = {}): LateOnceStore {
  checkedLeaseMs(options)
  let opened: { readonly connection: Connection; readonly store: OnceStore } | undefined
  let users = 0
  const store = (): OnceStore => {
    if (opened) return opened.store
    throw new KitError(
      KitErrorCode.InvalidOptions,
      'this once store is not open: a subscriber opens it, so its handler has to be one of a subscriber’s',
    )
  }
  return {
    open(connection) {
      // A shutdown that ran out of time leaves the store open on a connection that is gone.
      if (opened?.connection.state === 'closed') [opened, users] = [undefined, 0]
      if (opened && opened.connection !== connection) {
        throw new KitError(
          KitErrorCode.InvalidOptions,
          'this once store serves another connection already; make one for each with kvOnceStore()',
        )
      }
      opened ??= { connection, store: createKvOnceStore(connection, options) }
      users++
    },
    claim: async (key) => store().claim(key),
    look: async (key) => store().look?.(key),
    async close() {
      if (!opened || --users > 0) return
      const { store: last } = opened
      opened = undefined
      await last.close()
    },
  }
}
