import { waitFor } from '@alarm-bus/nats-kit/testing'
import type { AppLine, AppProcess } from './app-process.ts'
import type { Stack } from './stack.ts'

/** The producer's receipt. */
interface Receipt {
  readonly id: string
  readonly stream: string
  readonly seq: number
}

type Say = (line: string) => void
/** What a producer in production wants besides: who is sending. */
type Headers = Readonly<Record<string, string>>

/**
 * Sends an alarm on each channel over HTTP and tells what each app did with it.
 *
 * @throws Error when an alarm is not stored, or not handled by the apps it is for, or by one it is not for.
 */
export async function tellStory(stack: Stack, say: Say, headers: Headers = {}): Promise<void> {
  const { producer, alarmConsumer, logConsumer } = stack
  say('1. An alarm for the log:')
  const logged = await send(
    producer,
    'alarm-to-log',
    { message: 'Nightly backup took 41 minutes', extra: 'host db-2' },
    headers,
    say,
  )
  await tell(logConsumer, 'logStored', logged, 'wrote it down', say)

  say('2. An alarm for the bot, which both consumers get:')
  const toBot = await send(producer, 'alarm-to-bot', { message: 'Disk of db-2 is 95 % full' }, headers, say)
  await tell(alarmConsumer, 'alarmHandled', toBot, 'handled it', say)
  await tell(logConsumer, 'logStored', toBot, 'wrote it down', say)

  // It has handled what was sent later, so what it has not seen by now it does not get.
  if (find(alarmConsumer, 'alarmHandled', logged))
    throw new Error('alarm-consumer was given an alarm that is for the log alone')
  say('   alarm-consumer   saw nothing of the first alarm, which is for the log alone')
}

async function send(producer: AppProcess, channel: string, body: object, headers: Headers, say: Say): Promise<Receipt> {
  const path = `/channels/${channel}/messages`
  say(`   POST ${path}  ${JSON.stringify(body)}`)
  const response = await fetch(`${producer.url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  })
  if (response.status !== 202) throw new Error(`the producer answered ${response.status}: ${await response.text()}`)
  const receipt = (await response.json()) as Receipt
  say(`   producer         stored it as message ${receipt.seq} of ${receipt.stream}, id ${receipt.id}`)
  return receipt
}

async function tell(app: AppProcess, event: string, receipt: Receipt, what: string, say: Say): Promise<void> {
  const line = await waitFor(() => find(app, event, receipt), {
    what: `${app.name}'s line ${event} for message ${receipt.seq}`,
  })
  say(`   ${app.name.padEnd(16)} ${what}: ${JSON.stringify(line['message'])}`)
}

function find(app: AppProcess, event: string, { id }: Receipt): AppLine | undefined {
  return app.lines().find((line) => line.event === event && line['id'] === id)
}
