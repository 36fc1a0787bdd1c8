import { type Msg, nuid, PermissionViolationError } from '@nats-io/transport-node'
import { EncodedHeaders, HeaderName, headerLine } from '../codec/headers.ts'
import type { SizedText } from '../codec/sized-text.ts'
import type { Connection } from '../connection/connection.ts'
import { errorText, KitError, KitErrorCode } from '../errors.ts'
import { JetStreamCode } from '../jetstream-codes.ts'
import { StoredSender } from '../publish/stored-sender.ts'
import { answerLookupSubject, answerStreamName } from '../streams/answer-stream.ts'

const NOT_FOUND = 404
const LOOKUP_MS = 5_000

/** An answer as it is stored. */
export interface AnswerToStore {
  readonly head: string
  readonly body: SizedText
  readonly keepMs: number
}

/**
 * The answer on a subject, undefined where there is none.
 *
 * @throws KitError `permission_denied`; `broker_unavailable` while it cannot be looked up.
 */
export async function lookUpAnswer(connection: Connection, stream: string, subject: string): Promise<Msg | undefined> {
  let message: Msg
  try {
    message = await connection.client.request(answerLookupSubject(stream, subject), undefined, { timeout: LOOKUP_MS })
  } catch (error) {
    const isDenied = [error, (error as Error).cause].some((one) => one instanceof PermissionViolationError)
    const code = isDenied ? KitErrorCode.PermissionDenied : KitErrorCode.BrokerUnavailable
    throw new KitError(code, `the answer cannot be looked up: ${errorText(error)}`, { cause: error })
  }
  const status = message.headers?.code ?? 0
  if (status === 0) return message
  if (status === NOT_FOUND) return undefined
  throw new KitError(KitErrorCode.BrokerUnavailable, `the answer cannot be looked up: the broker says ${status}`)
}

/** Stores answers, one for each subject. */
export class AnswerWriter {
  readonly #sender: StoredSender

  constructor(connection: Connection) {
    this.#sender = new StoredSender(connection)
  }

  /**
   * @returns whether it is the answer; false where one was there.
   * @throws KitError as `StoredSender.send`.
   */
  async put(stream: string, subject: string, { head, body, keepMs }: AnswerToStore): Promise<boolean> {
    const lines =
      headerLine(HeaderName.ExpectedStream, answerStreamName(stream)) +
      headerLine(HeaderName.ExpectedLastSubjectSequence, 0) +
      // A repeated attempt of the sender's is a duplicate, and not another answer.
      headerLine(HeaderName.MessageId, nuid.next()) +
      headerLine(HeaderName.Ttl, `${Math.ceil(keepMs / 1_000)}s`)
    try {
      await this.#sender.send(subject, new EncodedHeaders(lines + head), body)
      return true
    } catch (error) {
      if (KitError.is(error) && error.brokerCode === JetStreamCode.WrongLastSequence) return false
      throw error
    }
  }

  close(): Promise<void> {
    return this.#sender.close()
  }
}
