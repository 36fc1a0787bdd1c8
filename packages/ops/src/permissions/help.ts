export const HELP = `What each app may do on the broker, made from what it declares
(apps/<name>/src/declaration.ts).

  pnpm ops permissions           writes nats.permissions.conf and
                                 nats.accounts.conf, which nats.setup.conf
                                 includes

  --check        writes nothing; shows the lines that differ, and exits with 1
                 when there are any
  --app NAME     prints one app's, writes nothing
  --json         prints them as one JSON document, writes nothing
  --nkeys        users with nkeys in place of passwords, for production; \`pnpm
                 ops nkey NAME\` makes a key
  --one-account  all apps in one account, where they make their own
                 consumers: faster, and an app's stolen
                 credentials are an administrator's
  --jwt          for a broker in operator mode: nats.setup.conf with signed
                 claims, creds/NAME.creds for each user, and keys/, which sign
                 and are kept. Run it again after a change; the broker reads it
                 at SIGHUP
  --out FOLDER   elsewhere than beside nats.setup.conf

Needs no broker. Exit code 0, or 1 when something failed or differs.`
