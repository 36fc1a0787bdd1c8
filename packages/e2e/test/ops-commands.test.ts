import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { waitFor } from '@alarm-bus/nats-kit/testing'
import { startStack } from '@alarm-bus/ops/stack'
import { expect, test } from 'vitest'
import { DEADLINE_MS } from './harness.ts'

const OPS = fileURLToPath(new URL('../../ops/src/ops.ts', import.meta.url))

/** `pnpm ops` in a process of its own, as people run it. */
async function ops(environment: Readonly<Record<string, string>>, input: string, ...argv: string[]) {
  const child = spawn(process.execPath, ['--conditions=@alarm-bus/source', OPS, ...argv], {
    env: { PATH: process.env['PATH'] ?? '', NODE_ENV: 'development', ...environment },
  })
  child.stdin.end(input)
  const said = { out: '', err: '' }
  child.stdout.on('data', (chunk: Buffer) => (said.out += chunk))
  child.stderr.on('data', (chunk: Buffer) => (said.err += chunk))
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve))
  return { code, ...said }
}

test(
  'a message is published from the command line, and what became of it is shown',
  async () => {
    await using stack = await startStack()
    const environment = { PRODUCER_URL: stack.producer.url }
    const published = await ops(environment, '', 'publish', 'alarm-to-bot', '{"message":"from a shell"}', '--json')
    expect(published).toMatchObject({ code: 0, err: '' })
    const { id } = JSON.parse(published.out) as { readonly id: string }

    const known = await waitFor(async () => {
      const answer = await ops(environment, '', 'message', id)
      return answer.out.includes('state: delivered') && answer.out.includes('seq: 1') && answer
    })
    expect(known).toMatchObject({ code: 0, err: '' })
    expect(known.out).toContain(`alarm-to-bot ${id}\n  log\n    answer: known\n    stream: BASQUIAT_STREAM\n`)

    // From standard input, with a key: the second is the first.
    const piped = () => ops(environment, '{"message":"piped"}\n', 'publish', 'alarm-to-bot', '--id', 'a-key')
    expect((await piped()).out).toMatch(/^stored as BASQUIAT_STREAM #2; /)
    expect((await piped()).out).toMatch(/^stored as BASQUIAT_STREAM #2, which was stored before; /)

    expect(await ops(environment, '', 'message', 'never-sent')).toMatchObject({
      code: 2,
      out: expect.stringContaining('no app knows a message "never-sent"'),
    })
    for (const [argv, why] of [
      [['publish', 'alarm-to-bot', '{"massage":"x"}'], 'no message of alarm-to-bot: message: '],
      [['publish', 'alarm-to-bot', '{"message"'], 'the message is not JSON'],
      [['publish', 'alarm-to-bto', '{}'], 'unknown channel "alarm-to-bto"; expected one of: alarm-to-bot'],
      [['message'], 'pnpm ops message [options] <id>'],
    ] as const) {
      const { out, err } = await ops(environment, '', ...argv)
      expect(out + err).toContain(why)
    }
    const nowhere = await ops({ PRODUCER_URL: 'http://127.0.0.1:1' }, '', 'message', id)
    expect(nowhere).toMatchObject({ code: 1, err: expect.stringContaining('no producer at http://127.0.0.1:1: ') })
  },
  DEADLINE_MS,
)
