import { expect, test } from 'vitest'
import { createJetStreamPublisher, KitErrorCode } from '../../src/index.ts'
import { onEnd, useBroker } from '../harness.ts'
import { judge } from './support/judge.ts'
import { drained, managerOf, setScene, stored, subscribe } from './support/scene.ts'
import { attempt } from './support/writers.ts'

const broker = useBroker()

test.each([
  ['messages', { maxMessages: 50 }, 0],
  ['bytes', { maxBytes: 50_000 }, 500],
])(
  'a stream full of %s that discards the new: refused with a code, never acknowledged, and nothing stored is dropped',
  async (what, limits, padding) => {
    const scene = await setScene({ servers: [broker.current.url], onEnd, stream: { discard: 'new', ...limits } })
    const { journal, connection, contracts, channel, stream } = scene
    const publisher = createJetStreamPublisher(connection, { contracts, budgetMs: 300 })
    onEnd(() => publisher.close())
    const publish = (id: string) => publisher.publish(channel, { id, pad: 'x'.repeat(padding) }, { id })
    const outcomes = await Promise.all(Array.from({ length: 150 }, (_, i) => attempt(`m-${i}`, publish, journal)))
    const refused = outcomes.filter((error) => error !== undefined)
    expect(refused.length).toBeGreaterThan(0)
    for (const error of refused) {
      expect(error).toMatchObject({
        code: KitErrorCode.BrokerUnavailable,
        message: expect.stringContaining(`maximum ${what}`),
      })
    }
    expect(await stored(scene, connection)).toBe(journal.count('acked'))
    // The repetition of a stored one stores nothing, so there is room for it.
    expect(await publish(journal.ids('acked')[0] as string)).toMatchObject({ duplicate: true })

    const consuming = await scene.open({ name: 'app' })
    await subscribe(scene, consuming, { onEnd })
    await drained(scene, consuming)
    await (await managerOf(connection)).streams.purge(stream.name)
    expect(await attempt('after', publish, journal)).toBeUndefined()
    await drained(scene, consuming)
    const { acked, handled, twice } = judge(`stream full of ${what}`, journal)
    expect([handled, twice]).toEqual([acked, 0])
  },
)
