import { randomUUID } from 'node:crypto'
import { jetstream } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'
import Fastify from 'fastify'
import { z } from 'zod'

/** The same request as one would write it in an afternoon: Fastify, zod, and the raw client's publish with an id, awaited. */
const { RAW_SERVERS: servers, RAW_USER: user, RAW_PASSWORD: pass } = process.env
const login = user === undefined || pass === undefined ? {} : { user, pass, inboxPrefix: `_INBOX_${user}` }
const client = jetstream(await connect({ servers: servers ?? '', ...login }))
const Message = z.object({ message: z.string().min(1) })

const http = Fastify()
http.post('/channels/alarm-to-log/messages', async (request, reply) => {
  const { success, data, error } = Message.safeParse(request.body)
  if (!success) return reply.code(422).send({ issues: error.issues })
  const id = randomUUID()
  const { stream, seq, duplicate } = await client.publish('alarm.to.log', JSON.stringify(data), { msgID: id })
  return reply.code(202).send({ id, stream, seq, duplicate })
})
const url = await http.listen({ host: '127.0.0.1', port: 0 })
process.stdout.write(`${JSON.stringify({ event: 'listening', url })}\n${JSON.stringify({ event: 'ready' })}\n`)
process.once('SIGTERM', () => process.exit())
