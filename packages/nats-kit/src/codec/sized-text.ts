/** Text that goes over the wire as UTF-8, with the bytes that it takes there. */
export interface SizedText {
  readonly text: string
  readonly byteLength: number
}
