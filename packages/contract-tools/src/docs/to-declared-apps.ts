import type { App, Channel, RequestContract } from '@alarm-bus/contracts'

/** What every app declares, by the names of channels and requests: the console reads it, which has no app's sources beside it. */
export function toDeclaredApps(apps: readonly App[]): string {
  const plain = apps.map(({ publishes, schedules, handles, reads, hears, asks, answers, ...app }) => ({
    ...app,
    publishes: publishes.map(nameOf),
    schedules: schedules.map(nameOf),
    // The stored requests that it answers follow from `answers`.
    handles: handles.flatMap(({ channel, ofRequest, ...settings }) =>
      ofRequest ? [] : [{ ...settings, channel: channel.name }],
    ),
    reads: reads.map(nameOf),
    hears: hears.map(nameOf),
    asks: asks.map(nameOf),
    answers: answers.map(nameOf),
  }))
  return `${JSON.stringify(plain, null, 2)}\n`
}

function nameOf({ name }: Channel | RequestContract): string {
  return name
}
