import { badRequest } from '@alarm-bus/service'
import type { FastifyInstance } from 'fastify'
import { withoutMark } from './byte-order-mark.ts'
import { parseMessage } from './parse-message.ts'
import { readBody } from './read-body.ts'

/** `application/json` is the only content type. `__proto__` is a field like any other here, and no contract knows it. */
export function acceptJsonOnly(http: FastifyInstance): void {
  http.removeAllContentTypeParsers()
  http.addContentTypeParser('application/json', (request, payload, done) => {
    readBody(payload, request.headers['content-length'], request.routeOptions.bodyLimit, (error, bytes) => {
      if (bytes === undefined) return done(error, undefined)
      let body: unknown
      try {
        body = parseMessage(withoutMark(bytes))
      } catch (cause) {
        const why = bytes.length === 0 ? 'the body is empty' : `the body is not JSON: ${(cause as Error).message}`
        return done(badRequest(why, [{ in: 'body', path: '', code: 'not_json', message: why }], cause), undefined)
      }
      done(null, body)
    })
  })
}
