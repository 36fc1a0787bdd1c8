/** One variable that cannot be used. */
export interface ConfigProblem {
  readonly variable: string
  /** What is wrong and what is allowed; never the value of a secret. */
  readonly problem: string
}

/** The environment cannot be used: every bad variable at once, so that they need not be found one start at a time. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly problems: readonly ConfigProblem[]

  constructor(problems: readonly ConfigProblem[]) {
    super(`bad configuration: ${problems.map(({ variable, problem }) => `${variable} ${problem}`).join('; ')}`)
    this.problems = problems
  }
}
