export const HELP = `Consumers that nobody owns any more: made by the kit for an app that is gone, or
used by nobody.

  pnpm ops consumers prune

  --apply        removes them. Without it (or with --dry-run) they are shown and
                 nothing is changed
  --idle 7d      also those of known apps that nothing happened to for so long;
                 ages in ms, s, m, h or d
  --grace 60s    one that was active so lately is in use (default 60s)
  --apps A,B     the apps there are, in place of those of this repository
  --untagged     also those without the kit's tag, which somebody else may have
                 made for a reason
  --json         one JSON document in place of lines
  --wait-ms N    waits this long for the broker, in milliseconds (default 10000)

A consumer in use is never removed: one that is asked for messages or listened
to, or that was active a minute ago (an hour, with messages that nobody settled
yet). What a removed consumer had not read stays in the stream.

Exit code 0, or 1 when something failed. Environment: as for \`pnpm ops dlq\`.`
