import type { AppProcess } from '../demo/app-process.ts'

/** Builds images and runs containers. */
export interface Engine {
  readonly name: string
  /** Builds the app's Dockerfile with the repository as its context. */
  build(image: string, dockerfile: string): Promise<void>
  /** Bytes of the image and of the one it is based on, which has to be there as well. */
  sizes(image: string, base: string): Promise<{ readonly bytes: number; readonly baseBytes: number }>
  /** Runs the image on this machine's network until it is ready. */
  start(app: string, image: string, options: ContainerOptions): Promise<AppContainer>
  /** Runs a command in the container, as an exec health check does; whether it exits with 0. */
  check(container: AppContainer, command: readonly string[]): Promise<boolean>
}

export interface ContainerOptions {
  readonly env: Readonly<Record<string, string>>
  /** A file of this machine that the container sees under the same path, and cannot write. */
  readonly file: string
}

export interface AppContainer extends AppProcess {
  /** Its name, or id, at the engine. */
  readonly container: string
  /** Node's process as this machine sees it. */
  readonly nodePid: number
}
