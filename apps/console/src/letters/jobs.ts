import { Problem } from '@alarm-bus/service'
import { type JobOptions, type RunningJob, startJob } from './job.ts'

/** Jobs that change something or look what they would change, at once. */
const MAX_RUNNING = 4
/** Those that are over and can still be read; the oldest is forgotten. */
const MAX_KEPT = 50

export interface Jobs {
  /** @throws Problem 503 when too many run. */
  start(options: JobOptions): RunningJob
  /** @throws Problem 503 when too many run: to be asked before anything is written down. */
  assertRoom(): void
  find(id: string): RunningJob | undefined
  stopAll(): void
}

export function createJobs(): Jobs {
  const jobs = new Map<string, RunningJob>()
  const assertRoom = (): void => {
    if ([...jobs.values()].filter((job) => !job.isOver()).length < MAX_RUNNING) return
    throw new Problem({
      status: 503,
      slug: 'too-many-jobs',
      title: 'Too many redrives run now',
      detail: `as many as allowed (${MAX_RUNNING}) are under way; wait for one, or stop it`,
      retryAfterSeconds: 2,
    })
  }
  return {
    assertRoom,
    start(options) {
      assertRoom()
      const job = startJob(options)
      jobs.set(job.id, job)
      const over = [...jobs.values()].filter((one) => one.isOver())
      for (const one of over.slice(0, Math.max(0, jobs.size - MAX_KEPT))) jobs.delete(one.id)
      return job
    },
    find: (id) => jobs.get(id),
    stopAll: () => {
      for (const job of jobs.values()) job.stop()
    },
  }
}
