export const HELP = `Dead letters: messages that could not be handled.

  pnpm ops dlq list                  those that match, the oldest first
  pnpm ops dlq show <number>         one, with its headers and body
  pnpm ops dlq redrive [<number>]    sends them once more, each to the one
                                     consumer that had failed
  pnpm ops dlq discard [<number>]    removes them for good

  --channel NAME   --consumer NAME   --reason NAME
  --older-than 1h  --newer-than 7d   --limit N
                     which letters; ages in ms, s, m, h or d, counted from when
                     the letter was stored
  --apply            redrive and discard: do it. Without it they show what they
                     would do and change nothing
  --all              discard: every letter there is, in place of a filter
  --rate N           redrive: messages a second at most (default 10)
  --max-redrives N   redrive: leaves a message that was redriven so often
                     (default 3)
  --json             one JSON document in place of lines
  --stream NAME      whose dead letters, where several streams are handled
  --wait-ms N        waits this long for the broker, in milliseconds (default
                     10000)

Exit code 0, or 1 when something failed. Environment: NATS_SERVERS (default the
broker on this machine, NATS_PORT), NATS_ADMIN_USER, NATS_ADMIN_PASSWORD,
NATS_ADMIN_NKEY_SEED or NATS_ADMIN_CREDS_FILE, NATS_TLS_CA_FILE,
NATS_TLS_CERT_FILE, NATS_TLS_KEY_FILE, NATS_TLS_HANDSHAKE_FIRST. Passwords and
seeds may come from files (…_FILE). NODE_ENV: anything but development and test
refuses the passwords of .env.example.`
