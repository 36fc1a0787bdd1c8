import type { DeclaredConsumer } from '@alarm-bus/nats-kit/admin'
import { type ConsumerConfig, DeliverPolicy, JetStreamApiError, type JetStreamManager } from '@nats-io/jetstream'
import { configOf, METADATA } from './plan-consumers.ts'
import type { Change, FieldUpdate, PlanOptions } from './plan.ts'

/** A consumer of that name is there with another configuration; from older servers, and from newer ones. */
const EXISTS: ReadonlySet<number> = new Set([10_013, 10_148])

/** Makes a declared consumer, or changes on one that is there what the server lets be changed. */
export async function changeConsumer(
  manager: JetStreamManager,
  change: Extract<Change, { action: 'create' | 'update' }> & { readonly consumer: string },
  declared: readonly DeclaredConsumer[],
  mode: PlanOptions['mode'],
): Promise<void> {
  const { stream, consumer, action, fields } = change
  if (action === 'update') {
    const isTag = ({ field }: FieldUpdate): boolean => field.startsWith(METADATA)
    const changes = fields.filter((one) => !isTag(one)).map(({ field, after }) => [field, after ?? undefined])
    const tags = fields.filter(isTag).map(({ field, after }) => [field.slice(METADATA.length), after])
    const { config } = await manager.consumers.info(stream, consumer)
    const metadata = { ...config.metadata, ...Object.fromEntries(tags) }
    await manager.consumers.update(stream, consumer, { ...Object.fromEntries(changes), metadata })
    return
  }
  const one = declared.find(({ stream: of, name }) => of === stream && name === consumer) as DeclaredConsumer
  const config = configOf(one, mode)
  if (one.startAt === 'all') return add(config)
  // As a number, so that it can be reset to it.
  const { state } = await manager.streams.info(stream)
  const beginning = { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: state.last_seq + 1 }
  return add({ ...config, ...beginning })

  async function add(wanted: Partial<ConsumerConfig>): Promise<void> {
    try {
      await manager.consumers.add(stream, wanted)
    } catch (error) {
      // An app that may has made it meanwhile; what differs is in the next plan.
      if (!(error instanceof JetStreamApiError && EXISTS.has(error.code))) throw error
    }
  }
}
