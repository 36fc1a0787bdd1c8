import { waitFor } from '../../src/testing.ts'
import type { ModelBus } from './model-bus.ts'
import { APPS, type ModelApp } from './model-contracts.ts'

/** Far longer than a lost lease, a retry or a restart takes: what is not handled by then waits for nothing that will end. */
const HANDLED_WITHIN_MS = 30_000

let probes = 0

/** An app that says it is ready in every process handles a good message. */
export async function probe(bus: ModelBus, stream: number, violated: (what: string) => void): Promise<void> {
  const ready = await readyApps(bus)
  const message = { id: `probe-${probes++}`, script: ['ok' as const] }
  const [stored] = await bus.publish([{ stream, message }])
  if (!stored || ready.length === 0) return
  const left = (): readonly ModelApp[] =>
    ready.filter(({ name }) => !bus.journal.ids(`handled.${name}`).includes(message.id))
  const isHandled = waitFor(() => left().length === 0, { deadlineMs: HANDLED_WITHIN_MS, everyMs: 20 })
  await isHandled.catch(async () => {
    // A process that dies takes what it has with it, and a dead letter is an end too.
    const dead = await bus.deadLetters()
    // One that says by now that it is not ready, for its dead letters find no space, is not silent.
    const still = await readyApps(bus)
    const deaf = left().filter(
      (app) =>
        still.includes(app) &&
        !dead.some(({ consumer, original }) => consumer === bus.consumerOf(app, stream) && original.seq === stored.seq),
    )
    for (const { name } of deaf) {
      violated(
        `${name} said it was ready, and did not handle ${message.id} of ${stored.stream} in ${HANDLED_WITHIN_MS} ms`,
      )
    }
  })
}

export async function readyApps({ processes }: ModelBus): Promise<readonly ModelApp[]> {
  const answers = await Promise.all(processes.map((process) => process.readiness()))
  return APPS.filter(({ name }) => answers.every((answer) => answer[name]))
}
