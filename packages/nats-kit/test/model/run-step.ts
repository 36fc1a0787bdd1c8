import { setTimeout as sleep } from 'node:timers/promises'
import { deadLetterStreamName } from '../../src/admin.ts'
import { waitFor } from '../../src/testing.ts'
import type { ConsumerAt, PlannedMessage, Step } from './history.ts'
import type { ModelBus } from './model-bus.ts'
import { APPS, type ModelApp } from './model-contracts.ts'
import { probe } from './probe.ts'

/** What must be undone before the end: faults that outlast their step. */
export type Undo = () => Promise<unknown>

export interface StepContext {
  readonly bus: ModelBus
  /** Runs at the latest before the bus is judged; at once, when the fault has lasted as long as it should. */
  later(ms: number, undo: Undo): void
  /** A promise that was seen not to hold. */
  violated(what: string): void
}

/** An idle machine needs far less; past it the step goes on all the same. */
const BEGUN_WITHIN_MS = 15_000
const MAX_DEAD_LETTERS = 100_000

/** Does one step. Faults that another tool makes may meet a consumer that is not there: then nothing happens. */
export async function runStep(context: StepContext, step: Step): Promise<void> {
  const { bus } = context
  switch (step.kind) {
    case 'publish':
      await bus.publish(step.messages)
      return
    case 'probe':
      return probe(bus, step.stream, context.violated)
    case 'wait':
      return sleep(step.forMs)
    case 'endProcess': {
      const ended = bus.processes[step.process]
      await ended?.end(step.signal)
      await sleep(step.downMs)
      return ended?.start()
    }
    case 'endBroker':
      return endBroker(bus, step.signal, step.downMs)
    case 'lastDelivery':
      return dieAtLastDelivery(bus, step)
    case 'hangAll':
      await bus.publish(step.messages)
      return begun(bus, step.messages, 'model-three', 1, step.messages.length - 2)
    case 'pause':
      return bus.processes[step.process]?.pause(step.forMs)
    case 'pauseOnBroker': {
      const until = new Date(Date.now() + step.forMs)
      return ignoring(() => bus.manager.consumers.pause(...at(bus, step.consumer), until))
    }
    case 'editConsumer': {
      const change = { ack_wait: step.ackWaitMs * 1e6, max_ack_pending: step.maxAckPending }
      return ignoring(() => bus.manager.consumers.update(...at(bus, step.consumer), change))
    }
    case 'deleteConsumer':
      return ignoring(() => bus.manager.consumers.delete(...at(bus, step.consumer)))
    case 'fillDeadLetters':
      return fillDeadLetters(context, step.stream, step.forMs)
    case 'cut':
      bus.proxy.cut()
      await sleep(step.forMs)
      return bus.proxy.heal()
  }
}

async function endBroker(
  { broker, connection }: ModelBus,
  signal: 'SIGKILL' | 'SIGTERM',
  downMs: number,
): Promise<void> {
  if (signal === 'SIGKILL') await broker.kill()
  else await broker.current.stop()
  await sleep(downMs)
  await broker.restart()
  await waitFor(() => connection.state === 'connected', { deadlineMs: 30_000, what: 'the connection after a restart' })
}

async function dieAtLastDelivery(
  bus: ModelBus,
  { messages, downMs }: { readonly messages: readonly PlannedMessage[]; readonly downMs: number },
): Promise<void> {
  await bus.publish(messages)
  await Promise.all(APPS.map(({ name, maxDeliver }) => begun(bus, messages, name, maxDeliver, messages.length)))
  await Promise.all(bus.processes.map((process) => process.end('SIGKILL')))
  await endBroker(bus, 'SIGTERM', downMs)
  for (const process of bus.processes) process.start()
}

/** Waits until so many of the messages have begun that delivery; where others hold the handlers, goes on without. */
async function begun(
  { journal }: ModelBus,
  messages: readonly PlannedMessage[],
  app: string,
  delivery: number,
  count: number,
): Promise<void> {
  const wanted = messages.map(({ message }) => `${message.id}@${delivery}`)
  const isBegun = (): boolean => {
    const started = new Set(journal.ids(`started.${app}`))
    return wanted.filter((id) => started.has(id)).length >= count
  }
  await waitFor(isBegun, { deadlineMs: BEGUN_WITHIN_MS, everyMs: 50 }).catch(() => undefined)
}

/** The stream takes as many dead letters as it has, one at least, until the time is over. */
async function fillDeadLetters({ bus, later }: StepContext, stream: number, forMs: number): Promise<void> {
  const name = deadLetterStreamName(bus.streams[stream] as string)
  await ignoring(async () => {
    const { state } = await bus.manager.streams.info(name)
    await bus.manager.streams.update(name, { max_msgs: Math.max(1, state.messages) })
  })
  later(forMs, () => bus.manager.streams.update(name, { max_msgs: MAX_DEAD_LETTERS }))
}

function at(bus: ModelBus, { app, stream }: ConsumerAt): [stream: string, consumer: string] {
  return [bus.streams[stream] as string, bus.consumerOf(APPS.find(({ name }) => name === app) as ModelApp, stream)]
}

/** Another tool whose request fails changes nothing. */
async function ignoring(request: () => Promise<unknown>): Promise<void> {
  await request().catch(() => undefined)
}
