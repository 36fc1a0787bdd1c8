import type { Alarm } from '../sinks/alarm-sink.ts'

/** What a person reads: the channel, and the message as it was published. */
export function alarmText({ channel, message }: Alarm): string {
  return `[${channel}] ${message}`
}
