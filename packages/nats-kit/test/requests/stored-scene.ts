import {
  createRequester,
  createResponders,
  defineResponder,
  ensureStreams,
  type Responder,
  type ResponderOptions,
} from '../../src/index.ts'
import { waitFor } from '../../src/testing.ts'
import { onEnd, open, type TestConnection } from '../harness.ts'
import { makeStored } from './stored-contracts.ts'

type Division = ReturnType<typeof makeStored>['division']

export async function setStored(
  server: { readonly url: string },
  options: { readonly timeoutMs?: number; readonly duplicateWindowMs?: number } = {},
) {
  const made = makeStored(options)
  const connection = await open(server)
  await ensureStreams(connection, made.contracts.streams, { mode: 'apply' })
  /** One more asker, an app of that name. */
  const asking = async (name: string) => {
    const asker = await open(server, { name })
    const requester = createRequester(asker, { contracts: made.contracts })
    onEnd(async () => requester.close())
    return requester
  }
  const answer = async (handle: Responder<Division>['handle'], responderOptions?: ResponderOptions) => {
    const calculator = await open(server, { name: 'calculator' })
    const responders = createResponders(calculator, {
      contracts: made.contracts,
      responders: [defineResponder(made.division, handle, responderOptions)],
    })
    responders.start()
    onEnd(() => responders.stop(2_000))
    await waitFor(() => responders.checks().every(({ ok }) => ok), { what: 'the responder' })
    return { calculator, responders }
  }
  return { ...made, connection, asking, requester: await asking('asker'), answer }
}

/** Messages of a stream, by subject. */
export async function subjectsOf(connection: TestConnection, stream: string): Promise<Record<string, number>> {
  const answer = await connection.client.request(
    `$JS.API.STREAM.INFO.${stream}`,
    JSON.stringify({ subjects_filter: '>' }),
  )
  return answer.json<{ state: { subjects?: Record<string, number> } }>().state.subjects ?? {}
}
