import { spawn } from 'node:child_process'

/**
 * Sends SIGTERM to a process when this one ends without having released it, by SIGKILL too: then nothing else can. The
 * guard is a shell that waits for its input to end. Windows has none.
 *
 * @returns what releases the process.
 */
export function guard(pid: number): () => void {
  if (process.platform === 'win32') return () => {}
  const script = 'trap "" INT TERM HUP; read -r released || kill -s TERM "$0" 2>/dev/null'
  const shell = spawn('sh', ['-c', script, String(pid)], { stdio: ['pipe', 'ignore', 'ignore'], detached: true })
  // Without a shell there is no guard, and no reason to fail. A release may meet a guard that is gone.
  shell.on('error', () => {})
  shell.stdin.on('error', () => {})
  shell.unref()
  return () => void shell.stdin.end('released\n')
}
