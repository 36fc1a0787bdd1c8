/** The KV bucket that remembers which messages of a stream were handled; made with the stream, as its companions are. */
export function onceBucketName(stream: string): string {
  return `${stream}_ONCE`
}

/** Which message, for which consumer. */
export interface OnceSubjectOf {
  readonly stream: string
  readonly consumer: string
  readonly seq: number
  readonly storedAt: Date
}

/** `$KV.<stream>_ONCE.<consumer>.<sequence>.<milliseconds when it was stored>`: an app is held to its own consumers. */
export function onceSubject({ stream, consumer, seq, storedAt }: OnceSubjectOf): string {
  return `$KV.${onceBucketName(stream)}.${consumer}.${seq}.${storedAt.getTime()}`
}

/** The stream that is the bucket. */
export function onceStreamName(stream: string): string {
  return `KV_${onceBucketName(stream)}`
}

/** Where the record on one of these subjects is asked for. */
export function onceLookupSubject(stream: string, subject: string): string {
  return `$JS.API.DIRECT.GET.${onceStreamName(stream)}.${subject}`
}

/** The subjects that `createKvOnceStore` publishes on for one consumer, as permissions name them. */
export function onceSubjects(stream: string, consumer: string): readonly string[] {
  const records = `$KV.${onceBucketName(stream)}.${consumer}.>`
  return [records, onceLookupSubject(stream, records)]
}
