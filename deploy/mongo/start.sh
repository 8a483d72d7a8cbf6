#!/usr/bin/env bash
# Start one member of the replica set. mongod refuses a key file that others may read, and Compose mounts secrets as the
# host has them, so it gets a copy of its own.
set -euo pipefail
umask 077
cp /run/secrets/mongo_key /data/key/mongo_key
exec mongod --config /etc/payment-gateway/mongod.conf "$@"
