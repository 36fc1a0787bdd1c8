const ENVIRONMENT = `Environment: NATS_SERVERS (default: the broker on this machine, NATS_PORT),
NATS_ADMIN_USER, NATS_ADMIN_PASSWORD, NATS_ADMIN_NKEY_SEED or
NATS_ADMIN_CREDS_FILE, the same of NATS_MIGRATOR_… (who destroys and moves),
NATS_TLS_CA_FILE, NATS_TLS_CERT_FILE, NATS_TLS_KEY_FILE,
NATS_TLS_HANDSHAKE_FIRST, STREAM_REPLICAS. Passwords and seeds may come from
files (…_FILE). Unless NODE_ENV is development or test, the passwords of
.env.example are refused.`

export const PLAN_NOTES = `Covers the declared streams, those beside them, and the consumers of the apps.
Waits, limits and pull or push of a consumer that exists are compared where its
app declares them (consuming). What is not declared is shown and left alone.

A stream <stream>_ADVISORIES, which kits before 1.0 kept, is shown as to retire
once none of their instances reads it: its messages become dead letters, and it
is removed.

Exit code 0 when there is nothing to do, 2 when there is, 1 when something
failed.
${ENVIRONMENT}`

export const APPLY_NOTES = `Destroys only what is named. Ctrl-C puts back what is half done. What a killed
run left is part of the next plan. One apply runs at a time, and another one
waits for it. Exit code 0 when all is done, 1 when something failed.
${ENVIRONMENT}`
