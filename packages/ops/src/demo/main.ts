import { lineageOfThisProcess, whenOneEnds } from '../dev/lineage.ts'
import { say } from '../dev/say.ts'
import type { AppProcess } from './app-process.ts'
import { type Stack, startStack } from './stack.ts'
import { tellStory } from './story.ts'

/** Rejects when a person, or the end of the command they typed, calls the demo off. */
const calledOff = new Promise<never>((_, reject) => {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.once(signal, () => reject(new Error(`ended by ${signal}`)))
  whenOneEnds(lineageOfThisProcess(), () => reject(new Error('ended: the command that started it is gone')))
})
// Without a listener a rejection would end the process before it has cleaned up.
calledOff.catch(() => undefined)

async function demo(): Promise<void> {
  say('Starting a broker and the three apps on free ports …')
  const starting = startStack()
  try {
    const stack = await Promise.race([starting, calledOff])
    introduce(stack)
    await Promise.race([tellStory(stack, say), calledOff])
  } finally {
    // A start that was called off half-way is waited for: only then is it known what there is to end.
    const stack = await starting.catch(() => undefined)
    await stack?.[Symbol.asyncDispose]()
  }
  for (const { name, exited } of appsOf(await starting)) {
    const { code, signal } = await exited
    if (code !== 0) throw new Error(`${name} ended with ${code ?? signal}, not 0`)
  }
  say('3. All three apps were told to end and did so with 0; the broker is gone, and so is what it stored.')
}

function introduce(stack: Stack): void {
  say(`   broker           ${stack.broker.url}, nats-server ${stack.broker.version}`)
  for (const { name, url } of appsOf(stack)) say(`   ${name.padEnd(16)} ${url}`)
}

function appsOf({ producer, alarmConsumer, logConsumer }: Stack): readonly AppProcess[] {
  return [producer, alarmConsumer, logConsumer]
}

try {
  await demo()
} catch (error) {
  console.error(`demo failed: ${(error as Error).message}`)
  process.exitCode = 1
}
// An open keep-alive connection would hold the process for seconds.
process.exit()
