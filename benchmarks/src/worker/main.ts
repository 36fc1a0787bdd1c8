import { jetstreamManager } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'
import { loadContender } from '../contenders/open.ts'
import { benchContracts } from '../work/contracts.ts'
import { startBothEndsTask } from './both-ends-task.ts'
import { startConsumeTask } from './consume-task.ts'
import { startLatencyTask } from './latency-task.ts'
import type { Answer, Assignment, Order, TaskName } from './protocol.ts'
import { startPublishManyTask } from './publish-many-task.ts'
import { startPublishStreamTask } from './publish-stream-task.ts'
import { startPublishTask } from './publish-task.ts'
import { startRequestsTask } from './requests-task.ts'
import { startReadTask } from './read-task.ts'
import type { StartTask } from './task.ts'

const TASKS: Readonly<Record<TaskName, StartTask>> = {
  publish: startPublishTask,
  'publish-many': startPublishManyTask,
  'publish-stream': startPublishStreamTask,
  consume: startConsumeTask,
  read: startReadTask,
  'both-ends': startBothEndsTask,
  latency: startLatencyTask,
  requests: startRequestsTask,
}

const { contender: name, task: taskName, work } = JSON.parse(process.argv[2] ?? '') as Assignment

function answer(message: Answer): void {
  process.send?.(message)
}

function fail(error: unknown): void {
  answer({ kind: 'failed', error: error instanceof Error ? error.message : String(error) })
}

async function run(): Promise<void> {
  const openContender = await loadContender(name)
  const verifier = await connect({ servers: [work.url], name: 'bench-verifier' })
  const contender = await openContender(work)
  const manager = await jetstreamManager(verifier)
  const task = await TASKS[taskName]({ contender, work, stream: benchContracts(work.key).stream.name, manager })
  process.on('message', (order: Order) => {
    if (order.kind === 'round') {
      // What the round before left behind is not this round's.
      void globalThis.gc?.()
      task.round(order.count).then((result) => answer({ kind: 'result', result }), fail)
      return
    }
    const end = async (): Promise<void> => {
      await task.end()
      await contender.close()
      await verifier.close()
    }
    end().then(() => process.disconnect?.(), fail)
  })
  answer({ kind: 'ready' })
}

// The parent is gone: nothing reads the figures.
process.once('disconnect', () => process.exit(0))
run().catch(fail)
