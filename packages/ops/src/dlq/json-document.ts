/**
 * One JSON document whose list is written as it comes, so that a hundred thousand letters are never in memory at once:
 * `{"letters": [ … ], …}`. Whatever happens it ends as valid JSON.
 */
export class JsonDocument {
  readonly #write: (text: string) => void
  #items = 0

  constructor(write: (text: string) => void) {
    this.#write = write
    write('{\n  "letters": [')
  }

  item(value: unknown): void {
    this.#write(`${this.#items++ === 0 ? '' : ','}\n    ${JSON.stringify(value)}`)
  }

  end(fields: object): void {
    const lines = Object.entries(fields).map(
      ([name, value]) => `,\n  ${JSON.stringify(name)}: ${JSON.stringify(value)}`,
    )
    this.#write(`${this.#items === 0 ? '' : '\n  '}]${lines.join('')}\n}\n`)
  }
}
