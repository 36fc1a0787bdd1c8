import { isUtf8 } from 'node:buffer'
import { badRequest } from '@alarm-bus/service'
import type { FastifyInstance } from 'fastify'

/**
 * `application/json` is the only content type. Bytes that are not UTF-8 are refused rather than replaced: what is stored
 * is what was sent. `__proto__` is a field like any other here, and no contract knows it.
 */
export function acceptJsonOnly(http: FastifyInstance): void {
  http.removeAllContentTypeParsers()
  http.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, bytes, done) => {
    try {
      done(null, JSON.parse(textOf(bytes as Buffer)))
    } catch (cause) {
      const why = bytes.length === 0 ? 'the body is empty' : `the body is not JSON: ${(cause as Error).message}`
      done(badRequest(why, [{ in: 'body', path: '', code: 'not_json', message: why }], cause), undefined)
    }
  })
}

function textOf(bytes: Buffer): string {
  if (!isUtf8(bytes)) throw new Error('it is not UTF-8')
  const text = bytes.toString('utf8')
  // A byte order mark is no part of the text.
  return text.charCodeAt(0) === 0xfeff ? text.slice(1) : text
}
