import type { Contracts } from '@alarm-bus/contracts'
import type { Bus } from '@alarm-bus/nats-kit'
import { showDeadLetter } from '@alarm-bus/nats-kit/admin'
import { badRequest } from '@alarm-bus/service'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { discardInput, letterQuery, redriveInput } from '../api.ts'
import type { Audit } from '../audit/audit.ts'
import type { Session } from '../auth/sessions.ts'
import type { Jobs } from '../letters/jobs.ts'
import { toLetterDetail } from '../letters/letter-detail.ts'
import { type LetterFilter, type Letters, toKitFilter } from '../letters/letters.ts'
import { checked } from './checked.ts'
import { FOR_OPERATORS } from './guard.ts'
import type { Readers } from './readers.ts'
import { revealOf } from './reveal.ts'
import { notFound } from './to-problem.ts'

/** A list of a thousand numbers fits. */
const BODY_LIMIT_BYTES = 32_768

export interface LetterRoutesOptions {
  readonly contracts: Contracts
  readonly bus: Pick<Bus, 'connection'>
  readonly letters: Letters
  readonly jobs: Jobs
  readonly audit: Audit
  readonly readers: Readers
}

interface Selection extends LetterFilter {
  readonly dryRun: boolean
  readonly ratePerSecond?: number
  readonly maxRedrives?: number
}

export function letterRoutes(http: FastifyInstance, options: LetterRoutesOptions): void {
  const { contracts, bus, letters, jobs, audit, readers } = options
  const streamOf = (name: string | undefined): string => {
    const stream = letters.streamOf(name)
    if (stream !== undefined) return stream
    const known = contracts.streams.map((one) => one.name).join(', ')
    throw notFound('no-such-stream', 'There is no such stream', `those that are declared: ${known}`)
  }

  http.get('/dead-letters', async (request, reply) => {
    const { stream, limit, after, ...filter } = checked('query', letterQuery, request.query)
    if (after !== undefined && !/^\d{1,15}\.\d{1,15}$/.test(after)) {
      const message = 'is not the next of a page before'
      throw badRequest(`after ${message}`, [{ in: 'query', path: '/after', code: 'invalid_value', message }])
    }
    readers.enter('searches', request, reply)
    return letters.page(streamOf(stream), filter, limit, after)
  })

  http.get('/dead-letters/groups', async (request, reply) => {
    const { stream, ...filter } = checked('query', letterQuery.omit({ limit: true, after: true }), request.query)
    const { signal } = readers.enter('searches', request, reply)
    return letters.groups(streamOf(stream), filter, signal)
  })

  http.get<{ Params: { stream: string; seq: string } }>('/dead-letters/:stream/:seq', async (request) => {
    const { stream, seq } = request.params
    const found = /^[1-9]\d{0,14}$/.test(seq)
      ? await showDeadLetter(bus.connection, streamOf(stream), Number(seq))
      : undefined
    if (!found)
      throw notFound('no-such-letter', 'There is no such dead letter', 'it was redriven or discarded, or is too old')
    const reveal = await revealOf(request, audit, `dead letter ${stream}:${seq}`)
    const letter = letters.toLetter(found.entry)
    const all = await letters.ofMessage(stream, letter.originalSeq, letter.consumer)
    const others = all.filter((other) => other.seq !== letter.seq)
    return toLetterDetail(found, letter, others, contracts, reveal)
  })

  const begin = async (request: FastifyRequest, action: 'redrive' | 'discard', selection: Selection) => {
    const { dryRun, ratePerSecond = 10, maxRedrives = 3, stream: name, ...filter } = selection
    const stream = streamOf(name)
    const session = request.session as Session
    jobs.assertRoom()
    const target = `${stream} ${JSON.stringify(filter)}`
    const act = dryRun ? undefined : await audit.begin({ session, from: request.ip, action, target })
    const of = { stream, filter: toKitFilter(filter), action, dryRun, ratePerSecond, maxRedrives, act }
    return jobs.start({ connection: bus.connection, letters, by: session.person.name, ...of }).read(0)
  }

  const route = { ...FOR_OPERATORS, bodyLimit: BODY_LIMIT_BYTES }
  http.post('/dead-letters/redrive', route, async (request, reply) =>
    reply.code(202).send(await begin(request, 'redrive', checked('body', redriveInput, request.body))),
  )
  http.post('/dead-letters/discard', route, async (request, reply) => {
    const { all, ...selection } = checked('body', discardInput, request.body)
    const { dryRun, stream: _, ...narrowing } = selection
    if (!dryRun && !all && Object.values(narrowing).every((value) => value === undefined)) {
      const message = 'name a filter, or set all to true to discard every letter'
      throw badRequest(message, [{ in: 'body', path: '', code: 'no_filter', message }])
    }
    return reply.code(202).send(await begin(request, 'discard', selection))
  })

  type Numbered = { Params: { readonly id: string } }
  const jobOf = (id: string) => {
    const job = jobs.find(id)
    if (job) return job
    throw notFound('no-such-job', 'There is no such run', 'it is over and forgotten, or the console was restarted')
  }
  http.get<Numbered>('/jobs/:id', async (request) => {
    const { after } = request.query as { readonly after?: string }
    return jobOf(request.params.id).read(/^\d{1,9}$/.test(after ?? '') ? Number(after) : 0)
  })
  http.delete<Numbered>('/jobs/:id', FOR_OPERATORS, async (request, reply) => {
    jobOf(request.params.id).stop()
    return reply.code(204).send()
  })
}
