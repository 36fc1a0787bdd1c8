/** Says on standard error what is being done: one line that is written over on a terminal, nothing into a file. */
export class ProgressLine {
  readonly #out = process.stderr
  readonly #startedAt = performance.now()

  readonly show = (what: string): void => {
    if (!this.#out.isTTY) return
    const seconds = Math.round((performance.now() - this.#startedAt) / 1000)
    const text = `${String(seconds).padStart(4)} s  ${what}`
    this.#out.write(`\r\u001b[K${text.slice(0, this.#out.columns)}`)
  }

  clear(): void {
    if (this.#out.isTTY) this.#out.write('\r\u001b[K')
  }
}
