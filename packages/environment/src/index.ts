export { isDevSecret } from './dev-secret.ts'
export { productionBecause } from './production.ts'
export { type Environment, readSecretFiles, type SecretProblem } from './secret-files.ts'
