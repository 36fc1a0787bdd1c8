import { adviceFor } from './advice.ts'
import type { CheckedChannel, CheckResult, JudgedDifference } from './checked.ts'
import { whoBreaks } from './describe-result.ts'
import { Party } from './difference.ts'

/** The result for scripts: what the lines say, with nothing cut. */
export function toJson({ outcome, channels, requests }: CheckResult): Readonly<Record<string, unknown>> {
  return {
    outcome,
    channels: channels.map(toChannel),
    requests: requests.map((request) => {
      const { channel: name, publishedBy: askedBy, handledBy: answeredBy, ...rest } = toChannel(request)
      return { request: name, askedBy, answeredBy, ...rest }
    }),
  }
}

function toChannel(channel: CheckedChannel) {
  return { ...channel, differences: channel.differences.map((difference) => toDifference(difference, channel)) }
}

function toDifference(difference: JudgedDifference, channel: CheckedChannel): unknown {
  const { path, kind, before, after, breaking, breaks, sentBy } = difference
  const verdict = (party: Party): string => (breaks.includes(party) ? 'breaking' : 'compatible')
  return {
    path,
    kind,
    before,
    after,
    breaking,
    producer: verdict(Party.Producer),
    newConsumer: verdict(Party.NewConsumer),
    oldConsumer: verdict(Party.OldConsumer),
    breaks: breaks.map((party) => ({
      party,
      apps: (party === Party.Producer) === (sentBy !== 'responder') ? channel.publishedBy : channel.handledBy,
      how: whoBreaks(party, kind, channel, sentBy),
    })),
    instead: breaking ? adviceFor(kind) : null,
  }
}
