/** The database cannot be used now. What was asked for may work later. */
export class StoreUnavailable extends Error {
  override readonly name = 'StoreUnavailable'
}
