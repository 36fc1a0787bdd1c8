import { badRequest } from '@alarm-bus/service'
import type { FastifyInstance } from 'fastify'

/**
 * `application/json` is the only content type. Bytes that are not UTF-8 are refused rather than replaced: what is stored
 * is what was sent. `__proto__` is a field like any other here, and no contract knows it.
 */
export function acceptJsonOnly(http: FastifyInstance): void {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  http.removeAllContentTypeParsers()
  http.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, bytes, done) => {
    try {
      done(null, JSON.parse(decoder.decode(bytes as Buffer)))
    } catch (cause) {
      const why = bytes.length === 0 ? 'the body is empty' : `the body is not JSON: ${(cause as Error).message}`
      done(badRequest(why, [{ in: 'body', path: '', code: 'not_json', message: why }], cause), undefined)
    }
  })
}
