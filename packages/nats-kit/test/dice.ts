import { randomOf } from './faults/support/random.ts'

/** Choices that a seed decides. The same seed gives the same choices in the same order. */
export class Dice {
  readonly #random: () => number

  constructor(seed: number) {
    this.#random = randomOf(seed)
  }

  /** A whole number, both bounds included. */
  int(from: number, to: number): number {
    return from + Math.floor(this.#random() * (to - from + 1))
  }

  chance(of: number): boolean {
    return this.#random() < of
  }

  pick<T>(list: readonly T[]): T {
    if (list.length === 0) throw new Error('there is nothing to pick from')
    return list[this.int(0, list.length - 1)] as T
  }

  /** One of the entries, each as often as its weight says. */
  weighted<T>(entries: readonly (readonly [weight: number, entry: T])[]): T {
    const total = entries.reduce((sum, [weight]) => sum + weight, 0)
    let left = this.#random() * total
    for (const [weight, entry] of entries) if ((left -= weight) < 0) return entry
    return this.pick(entries)[1]
  }

  bytes(length: number): Buffer {
    return Buffer.from(Array.from({ length }, () => this.int(0, 255)))
  }
}

/**
 * The seed and the number of cases of a generated test: from the environment, else a fresh seed, which the test prints.
 *
 * @throws Error for what is not a whole number.
 */
export function settingsOf(
  name: 'FUZZ' | 'MODEL',
  defaultCases: number,
): { readonly seed: number; readonly cases: number } {
  const whole = (variable: string, otherwise: number): number => {
    const value = Number(process.env[variable] ?? otherwise)
    if (!Number.isSafeInteger(value) || value < 0) throw new Error(`${variable} must be a whole number from 0`)
    return value
  }
  return {
    seed: whole(`${name}_SEED`, Math.floor(Math.random() * 2 ** 32)),
    cases: whole(`${name}_CASES`, defaultCases),
  }
}
