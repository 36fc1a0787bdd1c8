import { adviceFor } from './advice.ts'
import type { CheckedChannel, CheckResult, JudgedDifference } from './check-contracts.ts'
import { whoBreaks } from './describe-result.ts'
import { Party } from './difference.ts'

/** The result for scripts: what the lines say, with nothing cut. */
export function toJson({ outcome, channels }: CheckResult): Readonly<Record<string, unknown>> {
  return {
    outcome,
    channels: channels.map((channel) => ({
      ...channel,
      differences: channel.differences.map((difference) => toDifference(difference, channel)),
    })),
  }
}

function toDifference(difference: JudgedDifference, channel: CheckedChannel): unknown {
  const { path, kind, before, after, breaking, breaks } = difference
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
      apps: party === Party.Producer ? channel.publishedBy : channel.handledBy,
      how: whoBreaks(party, kind, channel),
    })),
    instead: breaking ? adviceFor(kind) : null,
  }
}
