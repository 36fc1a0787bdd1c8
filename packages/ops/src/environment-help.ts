/** The end of the help of each command that talks to the broker. */
export const ENVIRONMENT_HELP = `Environment: NATS_SERVERS (default: the broker on this machine, NATS_PORT),
NATS_ADMIN_USER, NATS_ADMIN_PASSWORD, NATS_ADMIN_NKEY_SEED or
NATS_ADMIN_CREDS_FILE, NATS_TLS_CA_FILE, NATS_TLS_CERT_FILE, NATS_TLS_KEY_FILE,
NATS_TLS_HANDSHAKE_FIRST. Passwords and seeds may come from files (…_FILE).
Unless NODE_ENV is development or test, the passwords of .env.example are
refused.`
