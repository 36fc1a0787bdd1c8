import { applyDeclared } from './apply-declared.ts'

// A process of its own for dev's broker task, whose own modules are those from before a change.
try {
  await applyDeclared(process.env['NATS_SERVERS'] ?? '')
} catch (error) {
  console.error((error as Error).message)
  process.exitCode = 1
}
