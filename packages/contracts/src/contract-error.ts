/** A declaration that cannot work: thrown where it is defined, so that the process never starts with it. */
export class ContractError extends Error {
  override readonly name = 'ContractError'
}
