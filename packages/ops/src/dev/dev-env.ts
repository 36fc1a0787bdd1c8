import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

export const repositoryRoot = fileURLToPath(new URL('../../../../', import.meta.url))

/**
 * Fills the environment from `.env`, then from `.env.example`. What is set already stays: the real environment goes
 * before `.env`, and `.env` before `.env.example`. Where none of them says what NODE_ENV is, it is development.
 */
export function loadDevEnv(folder = repositoryRoot): void {
  for (const name of ['.env', '.env.example']) {
    try {
      process.loadEnvFile(join(folder, name))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    }
  }
  process.env['NODE_ENV'] ||= 'development'
}

/** Where `dev` keeps its state: the broker's messages and log, and who runs. Tests give one of their own. */
export function devDir(): string {
  return resolve(repositoryRoot, process.env['ALARM_BUS_DEV_DIR'] || '.dev')
}
