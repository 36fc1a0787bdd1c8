const SHARED = `  --streams-only  leaves consumers, and so the apps' declarations, out
  --mode MODE     the apps run with that MODE, pull or push; not given:
                  consumers stay as they are, and new ones are as declared
  --allow-destroy --destroy NAME
                  destroys a stream (NAME) or a consumer (STREAM/NAME) that is
                  not declared, or recreates one that cannot be changed; again
                  for each. What is gone already counts as done
  --json          one JSON document in place of lines
  --wait-ms N     waits this long for the broker, in milliseconds (default
                  30000)`

const ENVIRONMENT = `Environment: NATS_SERVERS (default the broker on this machine, NATS_PORT),
NATS_ADMIN_USER, NATS_ADMIN_PASSWORD, NATS_ADMIN_NKEY_SEED or
NATS_ADMIN_CREDS_FILE, the same of NATS_MIGRATOR_… (who destroys and moves),
NATS_TLS_CA_FILE, NATS_TLS_CERT_FILE, NATS_TLS_KEY_FILE,
NATS_TLS_HANDSHAKE_FIRST, STREAM_REPLICAS. Passwords and seeds may come from
files (…_FILE). NODE_ENV: anything but development and test refuses the
passwords of .env.example.`

export const PLAN_HELP = `What would change on the broker to make it what the code declares. Changes
nothing.

  pnpm ops plan

  --out FILE      writes the plan, for \`pnpm ops apply FILE\`
${SHARED}

Covers the declared streams, those beside them, and the consumers of the apps.
Waits, bounds and pull or push of a consumer that is there are compared where
its app declares them (consuming). What is not declared is shown and left alone.

What kits before 1.0 kept beside a stream, <stream>_ADVISORIES, is shown as to
retire once none of their instances reads it: what it says becomes dead letters,
and it goes.

Exit code 0 when there is nothing to do, 2 when there is, 1 when something
failed.
${ENVIRONMENT}`

export const APPLY_HELP = `Makes the broker what the code declares.

  pnpm ops apply [FILE]

  FILE            the plan to do, and no other: refused if broker, code or the
                  file have changed since. Not given: makes one, shows it and
                  asks
  --yes           does not ask
  --settle-ms N   how long consumers may take to settle what they were given
                  before they are moved, in milliseconds (default 60000)
${SHARED}

Never destroys but what is named. Ctrl-C puts back what is half done. What a
killed run left is part of the next plan. One apply runs at a time, and another
one waits for it. Exit code 0 when all is done, 1 when something failed.
${ENVIRONMENT}`
