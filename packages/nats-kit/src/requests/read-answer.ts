import { InvalidMessage, type MessageIssue, type RequestContract, RESPONDER_ERRORS } from '@alarm-bus/contracts'
import type { Msg } from '@nats-io/transport-node'
import { firstValue, readHeaderBlock } from '../codec/header-block.ts'
import { HeaderName } from '../codec/headers.ts'
import { headerBytesOf } from '../codec/received.ts'
import { KitError, KitErrorCode } from '../errors.ts'
import { decodePart, issuesText, TOO_LARGE } from './part-codec.ts'
import { remoteError } from './remote-error.ts'

/** What came, checked: the response, or the error that the caller is given. Never throws. */
export function readAnswer(request: RequestContract, message: Msg): unknown {
  const head = headerBytesOf(message)
  const code = head && firstValue(readHeaderBlock(head), HeaderName.Error)
  if (code !== undefined) return readError(request, code, message.data)
  const response = decodePart(request.response, message.data)
  return response instanceof InvalidMessage ? invalidResponse(request, 'its response', response.issues) : response
}

function readError(request: RequestContract, code: string, bytes: Uint8Array): KitError {
  const part = Object.hasOwn(request.errors, code) ? request.errors[code] : undefined
  if (part) {
    const detail = decodePart(part, bytes)
    return detail instanceof InvalidMessage
      ? invalidResponse(request, `error ${JSON.stringify(code)}`, detail.issues)
      : remoteError(request, { code, detail })
  }
  if (!(RESPONDER_ERRORS as readonly string[]).includes(code)) {
    const shown = JSON.stringify(code.slice(0, 64))
    return invalidResponse(request, `one of its errors: ${shown}`, [])
  }
  return remoteError(request, { code, detail: undefined })
}

function invalidResponse({ name }: RequestContract, what: string, issues: readonly MessageIssue[]): KitError {
  const why = issues.length === 0 ? '' : `: ${issuesText(issues)}`
  return new KitError(
    KitErrorCode.InvalidResponse,
    `what answered request ${JSON.stringify(name)} does not fit ${what}${why}`,
    { issues },
  )
}

/** The caller's mistake: nothing was sent. */
export function invalidInput(request: RequestContract, issues: readonly MessageIssue[]): KitError {
  if (issues[0]?.code === TOO_LARGE) return tooLarge(request, `has ${issues[0].message}`)
  return new KitError(
    KitErrorCode.InvalidMessage,
    `the input does not fit request ${JSON.stringify(request.name)}: ${issuesText(issues)}`,
    { issues },
  )
}

export function tooLarge({ name }: RequestContract, why: string): KitError {
  return new KitError(KitErrorCode.MessageTooLarge, `the input of request ${JSON.stringify(name)} ${why}`)
}

export function aborted({ name }: RequestContract, { reason }: AbortSignal): KitError {
  return new KitError(KitErrorCode.Aborted, `request ${JSON.stringify(name)} was aborted by its signal`, {
    cause: reason,
  })
}

export function closed(): KitError {
  return new KitError(KitErrorCode.Closed, 'the requester is closed; a request that waited may have been handled')
}
