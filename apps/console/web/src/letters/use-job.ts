import type { Job, Outcome } from '../../../src/api.ts'
import { useEffect, useRef, useState } from 'preact/hooks'
import { get, post, query } from '../api/client.ts'

const POLL_MS = 400
/** Failures in a row to ask how a job goes on: it runs at the server whether this page hears of it or not. */
const PATIENCE = 30

export interface JobView {
  readonly job: Job | undefined
  readonly outcomes: readonly Outcome[]
  readonly error: Error | undefined
}

const NOTHING: JobView = { job: undefined, outcomes: [], error: undefined }

export function isOver({ job, error }: JobView): boolean {
  return error !== undefined || (job !== undefined && job.endedAtMs !== null)
}

/** Starts a job of the server and follows it. One that begins replaces the one before. */
export function useJob() {
  const [view, setView] = useState<JobView>(NOTHING)
  const current = useRef(0)
  useEffect(() => () => void (current.current += 1), [])

  async function start(path: string, body: unknown): Promise<void> {
    const mine = (current.current += 1)
    setView(NOTHING)
    try {
      const first = await post<Job>(path, body)
      await follow(first, () => current.current === mine, setView)
    } catch (error) {
      if (current.current === mine) setView((view) => ({ ...view, error: error as Error }))
    }
  }

  return { view, start }
}

async function follow(first: Job, isMine: () => boolean, show: (view: JobView) => void): Promise<void> {
  const outcomes = new Map<number, Outcome>()
  let job = first
  let failures = 0
  for (;;) {
    for (const outcome of job.outcomes) outcomes.set(outcome.index, outcome)
    if (!isMine()) return
    show({ job, outcomes: [...outcomes.values()], error: undefined })
    if (job.endedAtMs !== null) return
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
    try {
      job = await get<Job>(`/api/jobs/${job.id}${query({ after: outcomes.size })}`)
      failures = 0
    } catch (error) {
      failures += 1
      if (failures > PATIENCE || !isMine()) throw error
    }
  }
}
