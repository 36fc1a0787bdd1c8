import { useSyncExternalStore } from 'preact/compat'
import { createOverviewStore, type Live } from './overview-store.ts'

const store = createOverviewStore()

/** The overview, live, shared by every part of the page. */
export function useLive(): Live {
  return useSyncExternalStore(store.subscribe, store.current)
}
