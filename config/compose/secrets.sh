#!/usr/bin/env bash
# Writes the secrets that docker-compose.yaml asks for into a file: secrets.sh FILE
# What is in it already stays as it is; a secret that is missing is added. Only its owner may read it.
set -euo pipefail

file=$1
umask 077

random() { # N random bytes, as text that is safe in URLs; without the padding at its end
    head -c "$1" /dev/urandom | base64 | tr -d '\n=' | tr '+/' '-_'
}
fernet_key() { head -c 32 /dev/urandom | base64 | tr '+/' '-_'; }
add() { # NAME COMMAND...: the command makes the value
    local name=$1
    shift
    if ! grep --quiet "^$name=" "$file"; then
        printf '%s=%s\n' "$name" "$("$@")" >>"$file"
        added=$((added + 1))
    fi
}

touch "$file"
chmod 600 "$file"
# the last line may lack its end, and a new one must not be glued to it
if [ -s "$file" ] && [ -n "$(tail -c 1 "$file")" ]; then echo >>"$file"; fi

added=0
add POSTGRES_PASSWORD random 24
add AIRFLOW_DB_PASSWORD random 24
add MLFLOW_DB_PASSWORD random 24
add LEDGER_DB_PASSWORD random 24
add SOURCE_DB_PASSWORD random 24
add REDIS_PASSWORD random 24
add AIRFLOW_ADMIN_PASSWORD random 18
add AIRFLOW_FERNET_KEY fernet_key
add AIRFLOW_API_SECRET_KEY random 32
add AIRFLOW_JWT_SECRET random 64
add SERVER_ADMIN_KEY random 32
add SERVER_PREDICT_KEY random 32
add GRAFANA_ADMIN_PASSWORD random 18

if [ "$added" -gt 0 ]; then echo "$file: $added secrets added"; else echo "$file has all secrets: nothing changed"; fi
