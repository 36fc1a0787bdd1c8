/** Where messages of one channel wait, and what fell due passes through. */
export function schedulesStreamName(stream: string, channel: string): string {
  return `${stream}_SCHEDULES_${channel}`
}

/**
 * `schedule.<stream>.<channel>.<id>.<generation>.<number>`. Each use of an id has a generation of its own, and each
 * replacement the next number: whether a message that fell due was replaced or cancelled meanwhile can be told by them.
 */
export function scheduleSubject(
  stream: string,
  channel: string,
  id: string,
  generation: string,
  number: number | string,
): string {
  return `schedule.${stream}.${channel}.${id}.${generation}.${number}`
}

/** All that there is of one id. */
export function schedulesOfId(stream: string, channel: string, id: string): string {
  return `schedule.${stream}.${channel}.${id}.>`
}

/** All that waits of one channel. */
export function schedulesOfChannel(stream: string, channel: string): string {
  return `schedule.${stream}.${channel}.>`
}

/** Where the server stores what is due. One subject for each generation, so that no message waits behind another one's. */
export function dueSubject(stream: string, channel: string, id: string, generation: string): string {
  return `schedule-due.${stream}.${channel}.${id}.${generation}`
}

/** The consumer through which the app that schedules a channel takes what is due. */
export function dueConsumerName(app: string, channel: string): string {
  return `${app}_${channel}_due`
}
