/** Where messages of a stream are asked for many at a time. */
export function directGetSubject(stream: string): string {
  return `$JS.API.DIRECT.GET.${stream}`
}

/** Where the stream's leader is asked for one message. */
export function leaderGetSubject(stream: string): string {
  return `$JS.API.STREAM.MSG.GET.${stream}`
}

/**
 * What reading a channel takes besides looking its stream up. What is asked for is in the request's body, which no permission sees: whoever has these
 * can read all that the stream holds, and nothing else.
 */
export function readSubjects(stream: string): readonly string[] {
  return [directGetSubject(stream), leaderGetSubject(stream)]
}
