export { type AppProcess, startApp } from './app-process.ts'
export { type Stack, startStack } from './stack.ts'
