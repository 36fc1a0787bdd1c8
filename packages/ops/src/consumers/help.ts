export const HELP = `Consumers without an owner: made by the kit for an app that no longer exists, or
used by no app.

  pnpm ops consumers prune

  --apply        removes them. Without it (or with --dry-run) they are shown and
                 nothing is changed
  --idle 7d      also those of known apps without activity for so long;
                 ages in ms, s, m, h or d
  --grace 60s    active within this time counts as in use (default 60s)
  --apps A,B     the apps that exist, in place of those of this repository
  --untagged     also those without the kit's tag, which another tool may have
                 made for a reason
  --json         one JSON document in place of lines
  --wait-ms N    waits this long for the broker, in milliseconds (default 10000)

A consumer in use is never removed: a reader waits on it, or it was active
within the last minute (hour, with deliveries that are not settled yet).
Messages that a removed consumer had not read stay in the stream.

Exit code 0, or 1 when something failed. Environment: as for \`pnpm ops dlq\`.`
