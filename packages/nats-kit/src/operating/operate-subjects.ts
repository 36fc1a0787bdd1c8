import type { Stream } from '@alarm-bus/contracts'
import { directGetSubject } from '../reading/read-subjects.ts'
import { schedulesStreamName } from '../schedules/schedule-subjects.ts'
import { deadLetterSharesStreamName, deadLetterStreamName, redriveStreamName } from '../streams/companion-streams.ts'

/**
 * The subjects that an app publishes on through which people operate a stream, as permissions name them, besides the
 * lookups of `usedStreams`: how its consumers stand; dead letters read, removed one by one, and sent again to the consumer
 * that failed; and what waits for its time. None reads a message that is stored on a channel, makes or changes a stream or a consumer, or acknowledges.
 */
export function operateSubjects({ name, scheduled }: Pick<Stream, 'name' | 'scheduled'>): readonly string[] {
  const redrive = redriveStreamName(name)
  return [
    `$JS.API.CONSUMER.LIST.${name}`,
    `$JS.API.CONSUMER.LIST.${redrive}`,
    ...[deadLetterStreamName(name), deadLetterSharesStreamName(name)].flatMap((letters) => [
      `$JS.API.STREAM.MSG.GET.${letters}`,
      `$JS.API.STREAM.MSG.DELETE.${letters}`,
    ]),
    `redrive.${name}.>`,
    ...scheduled.map((channel) => directGetSubject(schedulesStreamName(name, channel.name))),
  ]
}
