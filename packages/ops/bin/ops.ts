#!/usr/bin/env -S node --conditions=@alarm-bus/source
import { loadDevEnv } from '../src/dev/dev-env.ts'
import { envFileProblems } from '../src/dev/env-file-problems.ts'

// What `pnpm ops` runs: the variables of .env and .env.example, as `pnpm dev` reads them, then the command.
loadDevEnv()
for (const problem of envFileProblems()) console.error(problem)
await import('../src/ops.ts')
