#!/bin/sh
# Hands the keys of .env to the model server, which keeps their hashes. A new admin key takes the place of the old one.
set -eu

printf %s "$SERVER_ADMIN_KEY" | retrainer keys keep admin --replace
printf %s "$SERVER_PREDICT_KEY" | retrainer keys keep predict
