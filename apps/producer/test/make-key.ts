import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const OPS = fileURLToPath(new URL('../../../packages/ops/src/ops.ts', import.meta.url))

/** A key as an operator makes one, with the line that goes into the file. */
export async function makeKey(...names: string[]): Promise<{ readonly key: string; readonly client: object }> {
  const command = ['--conditions=@alarm-bus/source', OPS, 'api-key', ...names]
  const { stdout } = await promisify(execFile)(process.execPath, command)
  const key = /^ {2}(abk_\S+)$/m.exec(stdout)?.[1]
  return { key: String(key), client: JSON.parse(String(/^ {2}(\{.*\})$/m.exec(stdout)?.[1])) as object }
}
