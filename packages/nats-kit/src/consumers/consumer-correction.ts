import type { ConsumerConfig, ConsumerInfo, JetStreamManager } from '@nats-io/jetstream'
import { WatchdogCondition } from '../condition.ts'
import type { Connection } from '../connection/connection.ts'
import { KitError, KitErrorCode } from '../errors.ts'
import type { ConsumerWatch } from '../watchdog/consumer-watch.ts'
import { describeDifference, type FieldDifference } from './consumer-fields.ts'
import type { ConsumerSpec } from './consumer-spec.ts'
import { correctConsumer, judgeRunning } from './ensure-consumer.ts'

/** Puts right what another tool has changed of a running consumer's configuration, or names it in the checks. */
export class ConsumerCorrection {
  readonly #connection: Connection
  readonly #spec: ConsumerSpec
  readonly #watch: ConsumerWatch
  /** Values that the server gives by itself, as an account's limit on requests shows in each consumer: by field, as JSON. */
  readonly #serversOwn = new Map<string, string>()

  constructor(connection: Connection, spec: ConsumerSpec, watch: ConsumerWatch) {
    this.#connection = connection
    this.#spec = spec
    this.#watch = watch
  }

  /** Of a consumer that was made the declared one a moment before. */
  onStart(declared: Partial<ConsumerConfig>, info: ConsumerInfo): void {
    const { repair, leave } = judgeRunning(declared, info)
    this.#noteServersOwn(repair)
    this.#nameDifferences(leave)
    this.#watch.set(WatchdogCondition.ConsumerUnfit, false, 'the consumer is as declared')
  }

  /**
   * @param onChange waited for before anything is changed.
   * @returns the consumer with what differs put right; undefined where that cannot be done.
   */
  async corrected(
    manager: JetStreamManager,
    live: ConsumerInfo,
    declared: Partial<ConsumerConfig>,
    onChange: () => Promise<unknown>,
  ): Promise<ConsumerInfo | undefined> {
    const judged = judgeRunning(declared, live)
    const { leave } = judged
    const repair = judged.repair.filter(
      ({ field, live: value }) => this.#serversOwn.get(field) !== JSON.stringify(value),
    )
    if (repair.length === 0) {
      this.#nameDifferences(leave)
      this.#watch.set(WatchdogCondition.ConsumerUnfit, false, 'the consumer is as declared')
      return live
    }
    const changes = repair.map(describeDifference)
    const isContent = repair.some(({ effect }) => effect === 'content')
    try {
      await onChange()
      const info = await correctConsumer(manager, this.#spec.stream, declared, live, repair)
      this.#noteServersOwn(judgeRunning(declared, info).repair)
      this.#connection.logger[isContent ? 'error' : 'warn'](
        { event: 'consumerRepaired', stream: this.#spec.stream, consumer: this.#spec.name, changes },
        'something else has changed the consumer; it is as declared again',
      )
      this.#watch.set(WatchdogCondition.ConsumerUnfit, false, 'the consumer is as declared again')
      this.#nameDifferences(leave)
      return info
    } catch (error) {
      const denied = KitError.is(error, KitErrorCode.PermissionDenied)
      const reason = denied ? 'this app’s user may not change it; run `pnpm ops apply`' : KitError.from(error).message
      const why = `${changes.join(', ')}: ${reason}`
      const condition = isContent ? WatchdogCondition.ConsumerUnfit : WatchdogCondition.ConsumerDiffers
      this.#watch.set(condition, true, `the consumer was changed and cannot be put right: ${why}`)
      return isContent ? undefined : live
    }
  }

  /** What differs right after it was set is not another tool's, and would be put right for ever. */
  #noteServersOwn(left: readonly FieldDifference[]): void {
    for (const { field, live } of left) this.#serversOwn.set(field, JSON.stringify(live))
  }

  #nameDifferences(leave: readonly FieldDifference[]): void {
    const what = leave.map(describeDifference).join(', ')
    this.#watch.set(
      WatchdogCondition.ConsumerDiffers,
      leave.length > 0,
      leave.length > 0 ? `left as it is (found → declared): ${what}` : 'the consumer is as declared',
    )
  }
}
