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

/**
 * `$KV.<stream>_ONCE.<consumer>.notes`: what an app notes of one of its consumers, in one record. The bucket is that of
 * the declared stream, also for the consumer of what is redriven.
 */
export function noteSubject(stream: string, consumer: string): string {
  return `$KV.${onceBucketName(stream.replace(/_REDRIVE$/, ''))}.${consumer}.notes`
}

/** The subjects on which an app notes something of one consumer, as permissions name them; `onceSubjects` are more than those. */
export function noteSubjects(stream: string, consumer: string): readonly string[] {
  return [noteSubject(stream, consumer), noteLookupSubject(stream, consumer)]
}

/** Where it is asked for. */
export function noteLookupSubject(stream: string, consumer: string): string {
  return onceLookupSubject(stream.replace(/_REDRIVE$/, ''), noteSubject(stream, consumer))
}
