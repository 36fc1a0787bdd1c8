/** Where a command writes: results, and what went wrong. The console is one. */
export type Output = Pick<Console, 'log' | 'error'>
