import type { Channel } from '@alarm-bus/contracts'
import { handlingSubjects } from '../consumers/consumer-subjects.ts'
import { readSubjects } from '../reading/read-subjects.ts'
import { dueConsumerName, dueSubject, schedulesStreamName, scheduleSubject } from './schedule-subjects.ts'

/**
 * What scheduling one channel takes, besides publishing on it. The stream holds this one app's schedules of this one
 * channel, so what it may read there is its own.
 *
 * @param shapes whether the app makes its consumers itself.
 */
export function schedulingSubjects(
  app: string,
  stream: string,
  { name: channel }: Channel,
  { shapes = true }: { readonly shapes?: boolean } = {},
): readonly string[] {
  const schedules = schedulesStreamName(stream, channel)
  return [
    scheduleSubject(stream, channel, '*', '*', '*'),
    ...readSubjects(schedules),
    ...handlingSubjects(
      {
        stream: schedules,
        name: dueConsumerName(app, channel),
        filterSubject: dueSubject(stream, channel, '*', '*'),
      },
      shapes,
    ),
  ]
}
