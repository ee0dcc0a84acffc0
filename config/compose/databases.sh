#!/bin/bash
# Makes four databases, each with a user who owns it, at the first start of PostgreSQL. Nobody else gets in.
set -euo pipefail

for name in airflow mlflow ledger source; do
    variable=${name^^}_DB_PASSWORD
    # psql reads the password from the environment: it is in no command line, and needs no quotes.
    PASSWORD=${!variable:?} psql --quiet --set ON_ERROR_STOP=1 --set "name=$name" --username postgres --dbname postgres <<'SQL'
\getenv password PASSWORD
CREATE ROLE :"name" LOGIN PASSWORD :'password';
CREATE DATABASE :"name" OWNER :"name" ENCODING 'UTF8' TEMPLATE template0;
REVOKE ALL ON DATABASE :"name" FROM PUBLIC;
SQL
done
