import { defineContracts, defineRequest, type RequestContract } from '@alarm-bus/contracts'
import { nuid } from '@nats-io/transport-node'
import { z } from 'zod'
import {
  type Connection,
  createRequester,
  createResponders,
  defineResponder,
  KitError,
  type RequesterOptions,
  type Responder,
  type ResponderOptions,
} from '../../src/index.ts'
import { onEnd, open, type TestConnection } from '../harness.ts'

/** A request on a subject of a test's own. */
export function makeRequest() {
  const division = defineRequest({
    name: 'division',
    subject: `ask.${nuid.next()}.division`,
    owner: 'tests',
    description: 'One number divided by another.',
    request: z.object({ a: z.number(), b: z.number(), note: z.string().default('none') }),
    response: z.object({ quotient: z.number(), note: z.string() }),
    errors: { division_by_zero: z.object({ a: z.number() }), too_hard: z.null() },
    // A test that the machine holds up is no test of a deadline.
    timeoutMs: 20_000,
    maxRequestBytes: 1_000,
    maxResponseBytes: 1_000,
  })
  return { division, contracts: defineContracts({ channels: [], streams: [], requests: [division] }) }
}

export type Division = ReturnType<typeof makeRequest>['division']

export interface Scene extends ReturnType<typeof makeRequest> {
  readonly asker: TestConnection
  readonly requester: ReturnType<typeof createRequester>
  /** A responder on a connection of its own, an instance of the app `calculator`, taking requests when it resolves. */
  answer(handle: Responder<Division>['handle'], options?: ResponderOptions): Promise<Answering>
}

export interface Answering {
  readonly connection: TestConnection
  stop(timeoutMs?: number): Promise<number>
  checks: ReturnType<typeof createResponders>['checks']
}

export async function setScene(server: { readonly url: string }, options: RequesterOptions = {}): Promise<Scene> {
  const made = makeRequest()
  const asker = await open(server)
  const requester = createRequester(asker, { contracts: made.contracts, ...options })
  onEnd(async () => requester.close())
  return {
    ...made,
    asker,
    requester,
    answer: async (handle, responderOptions) =>
      answering(server, made, defineResponder(made.division, handle, responderOptions)),
  }
}

async function answering(
  server: { readonly url: string },
  { contracts }: ReturnType<typeof makeRequest>,
  responder: Responder,
): Promise<Answering> {
  const connection = await open(server, { name: 'calculator' })
  const responders = createResponders(connection, { contracts, responders: [responder] })
  responders.start()
  await connection.client.flush()
  onEnd(() => responders.stop(2_000))
  return { connection, stop: (timeoutMs = 10_000) => responders.stop(timeoutMs), checks: responders.checks }
}

export async function failure(promise: Promise<unknown>): Promise<KitError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (!(error instanceof KitError)) throw new Error(`expected a KitError, got ${String(error)}`)
  return error
}

/** What somebody answers who is not the kit. */
export async function answerRaw(
  connection: Connection,
  request: RequestContract,
  reply: (publish: (body: string | Uint8Array, headerBlock?: string) => void) => void,
): Promise<void> {
  const { client } = connection
  client.subscribe(request.subject, {
    callback: (_, message) =>
      reply((body, headerBlock) =>
        client.publish(message.reply ?? '', body, {
          ...(headerBlock !== undefined && { headers: { encode: () => Buffer.from(headerBlock) } as never }),
        }),
      ),
  })
  await client.flush()
}
