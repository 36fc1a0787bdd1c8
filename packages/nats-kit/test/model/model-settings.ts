/** What a process of the model is told at its start, as JSON. */
export interface ModelSettings {
  readonly servers: readonly string[]
  /** Which contracts; see `modelContracts`. */
  readonly key: string
  /** The journal's folder. */
  readonly journal: string
  /** Handlers succeed, whatever a message tells them to do. */
  readonly isHealed: boolean
}

/** What a process of the model is asked while it runs. */
export type ModelQuestion = 'readiness' | { readonly pauseMs: number }

/** Whether every check of an app is ok, by the app's name. */
export type Readiness = Readonly<Record<string, boolean>>
