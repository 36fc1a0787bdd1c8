export type { AppProcess } from './app-process.ts'
export { type Stack, startStack } from './stack.ts'
