import Fastify from 'fastify'

/** What Fastify alone does with the same request: reads the body as JSON and answers with as much. */
const http = Fastify()
http.post('/channels/alarm-to-log/messages', (_request, reply) => {
  reply
    .code(202)
    .send({ id: '00000000-0000-0000-0000-000000000000', stream: 'BASQUIAT_STREAM', seq: 1, duplicate: false })
})
const url = await http.listen({ host: '127.0.0.1', port: 0 })
process.stdout.write(`${JSON.stringify({ event: 'listening', url })}\n${JSON.stringify({ event: 'ready' })}\n`)
process.once('SIGTERM', () => process.exit())
