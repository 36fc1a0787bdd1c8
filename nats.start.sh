#!/bin/sh
# What the broker's container runs: looks at its passwords, and then becomes nats-server with the arguments that it was
# given. nats-server itself takes an empty password, and one that everybody can read in .env.example.
#
#   sh nats.start.sh --config /etc/nats/nats.setup.conf
#
# It ends with 1 and says which variable is wrong, never its value, where
#   - a NATS_…_PASSWORD is empty, or not what nats.setup.conf can hold: the server would cut it short at a "#";
#   - a secret of the development set-up ("dev-only") is in any NATS_ variable, unless NODE_ENV is `development` or `test`:
#     anything else is production, a misspelt word and no word at all among it;
#   - a secret comes from a file (NATS_ADMIN_PASSWORD_FILE, NATS_ROUTES_FILE) and from its variable as well, or the file
#     cannot be read. Line breaks at its end are no part of the secret.
#
# For sh of Alpine and Debian. It writes nothing to disk.
set -u
set -f

failed=0
complain() {
  echo "broker: $1" >&2
  failed=1
}

# The names of the variables that a pattern of sed finds.
names() {
  env | sed -n "s/^\(NATS_$1\)=.*/\1/p" | sort -u
}

is_blank() {
  case "$1" in
    *[![:space:]]*) return 1 ;;
    *) return 0 ;;
  esac
}

for variable in $(names '[A-Z0-9_]*PASSWORD_FILE') $(names 'ROUTES_FILE'); do
  name=${variable%_FILE}
  eval "path=\$$variable value=\${$name-}"
  unset "$variable"
  if is_blank "$path"; then continue; fi
  if ! is_blank "$value"; then
    complain "$variable is set beside $name; give one of them"
  elif ! [ -f "$path" ] || ! value=$(cat -- "$path" 2>/dev/null); then
    complain "$variable names a file that cannot be read; give the path of the file that holds the secret"
  else
    export "$name=$value"
  fi
done

for name in $(names '[A-Z0-9_]*PASSWORD'); do
  eval "value=\$$name"
  case "$value" in
    # A bcrypt hash, and a value in quotes, which may hold anything but quotes.
    '$2'[aby]'$'*) form='[$./A-Za-z0-9]' ;;
    '"'*'"') value=${value#?} value=${value%?} form='[^"\\]' ;;
    [A-Za-z]*) form='[-A-Za-z0-9_]' ;;
    *) form='' ;;
  esac
  if is_blank "$value"; then
    complain "$name is empty, which would be a password that everybody has"
  elif [ -z "$form" ] || [ -n "$(printf %s "$value" | tr -d '\n' | sed "s/$form//g")" ]; then
    complain "$name must begin with a letter and hold letters, digits, \"-\" and \"_\" alone"
  elif [ "$(printf %s "$value" | wc -l)" -ne 0 ]; then
    complain "$name must be one line"
  fi
done

case "${NODE_ENV-}" in
  development | test) ;;
  *)
    for name in $(names '[A-Z0-9_]*'); do
      eval "value=\$$name"
      case "$value" in
        *dev-only*)
          complain "$name holds a secret of the development set-up, refused in production; set one of your own, or NODE_ENV=development"
          ;;
      esac
    done
    ;;
esac

if [ "$failed" -ne 0 ]; then exit 1; fi
# Its process is this one: signals reach it.
exec nats-server "$@"
