import {
  deadLetterPartSubject,
  deadLetterShareSubject,
  deadLetterSubject,
  redriveConsumerName,
  redriveFilter,
  redriveStreamName,
} from '../streams/companion-streams.ts'
import { nextSubject } from '../sources/next-subject.ts'
import type { ConsumerSpec } from './consumer-spec.ts'
import { ACK_PREFIX } from '../handling/ack-subject.ts'
import { resetSubject } from './passed-over.ts'

/** Where a consumer is and what it is held to. */
export type ConsumerPlace = Pick<ConsumerSpec, 'stream' | 'name' | 'filterSubject'>

const API_PREFIX = '$JS.API.CONSUMER'

/**
 * Every subject that the kit publishes on for one handler's consumer, as permissions name them: the consumer itself, its
 * dead letters, the reader of what is redriven to it. The filter is the last part of the request that makes a consumer, so
 * a user with these can read nothing else.
 *
 * @param shapes whether the app makes and changes its consumers itself (default), or somebody else does. Who may can have
 * one deliver onto requests of the API, another consumer's among them: see decisions/029.
 */
export function consumerSubjects(
  { stream, name, filterSubject }: ConsumerPlace,
  { shapes = true }: { readonly shapes?: boolean } = {},
): readonly string[] {
  return [
    ...handlingSubjects({ stream, name, filterSubject }, shapes),
    // Going back to what it passed over when another tool had changed its filter, or moved it.
    resetSubject(stream, name),
    deadLetterSubject(stream, name, '*', '*'),
    deadLetterPartSubject(stream, name, '*', '*', '*'),
    deadLetterShareSubject(stream, name),
    ...handlingSubjects(
      {
        stream: redriveStreamName(stream),
        name: redriveConsumerName(name),
        filterSubject: redriveFilter(stream, name),
      },
      shapes,
    ),
  ]
}

/** Making a consumer, looking it up, asking it for messages, settling them. */
export function handlingSubjects(place: ConsumerPlace, shapes: boolean): readonly string[] {
  const { stream, name } = place
  return [
    ...(shapes ? [createSubject(place)] : []),
    `${API_PREFIX}.INFO.${stream}.${name}`,
    nextSubject(stream, name),
    // Five numbers, and no wildcard for the rest: the server takes anything for a number, so the names of another consumer
    // would fit where there is room for them, and it would be asked for its messages.
    `${ACK_PREFIX}${stream}.${name}.*.*.*.*.*`,
    // The form of acks with the server's feature flag `js_ack_fc_v2`: domain and account come first, and a token may follow.
    `${ACK_PREFIX}*.*.${stream}.${name}.*.*.*.*.>`,
  ]
}

function createSubject({ stream, name, filterSubject }: ConsumerPlace): string {
  return `${API_PREFIX}.CREATE.${stream}.${name}.${filterSubject}`
}
