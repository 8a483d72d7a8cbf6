#!/usr/bin/env bash
# Start the production stack of deploy/compose.yaml on this machine, or bring it up to date. The first run makes what is
# missing (settings, secrets, certificate) and every later run is the same command; nothing that is there is replaced.
#
#   scripts/deploy.sh up | down | prepare | compose ARGUMENTS...
set -euo pipefail
cd "$(dirname "$0")/../deploy"

say() { printf '%s\n' "$*"; }
fail() { printf '%s\n' "$*" >&2; exit 1; }

compose() {
    local files=(-f compose.yaml) file
    for file in ${DEPLOY_FILES:-}; do files+=(-f "$file"); done
    # Where the engine keeps what containers say.
    [[ -n ${DOCKER_ROOT:-} ]] || DOCKER_ROOT=$(docker info --format '{{.DockerRootDir}}' 2> /dev/null || true)
    export DOCKER_ROOT
    if docker compose version > /dev/null 2>&1; then
        docker compose --project-name "${DEPLOY_PROJECT:-payment-gateway}" --env-file production.env "${files[@]}" "$@"
    else
        docker-compose --project-name "${DEPLOY_PROJECT:-payment-gateway}" --env-file production.env "${files[@]}" "$@"
    fi
}

random() { head -c "${1:-32}" /dev/urandom | base64 | tr -d '\n=' | tr '/+' '_-'; }

# The folder is closed to others; the files are readable within it, because a container sees them with the host's rights
# and its user is not root.
secret() { # NAME VALUE: unless it is there
    [[ -e secrets/$1 ]] || { printf '%s' "$2" > "secrets/$1"; chmod 444 "secrets/$1"; }
}

filled() { # NAME VALUE: unless it says something
    [[ -s secrets/$1 ]] || { rm -f "secrets/$1"; secret "$1" "$2"; }
}

setting() { # NAME: as production.env says
    sed -n "s/^$1=//p" production.env | tail -n 1
}

prepare() {
    if [[ ! -e production.env ]]; then
        cp production.env.example production.env
        chmod 600 production.env
        local name
        for name in SERVER_NAME PUBLIC_URL RAZORPAY_KEY_ID HTTP_PORT HTTPS_PORT COMPOSE_PROFILES; do
            [[ -z ${!name:-} ]] || sed -i "s|^$name=.*|$name=${!name}|" production.env
        done
        [[ -n ${PUBLIC_URL:-} || -z ${SERVER_NAME:-} ]] ||
            sed -i "s|^PUBLIC_URL=.*|PUBLIC_URL=https://$SERVER_NAME|" production.env
    fi
    mkdir -p secrets site
    chmod 700 secrets
    secret secret_key "$(random)"
    secret secret_key_previous ''
    secret metrics_token "$(random)"
    secret grafana_password "$(random 18)"
    secret smtp_password ''
    secret razorpay_webhook_secret ''
    secret queue_url ''
    secret redis_url ''
    secret sentry_dsn ''
    secret mail_url ''
    secret sms_url ''
    secret mongo_key "$(head -c 96 /dev/urandom | base64 | tr -d '\n')"
    local user
    for user in admin app backup monitor; do secret "mongo_${user}_password" "$(random)"; done
    local hosts=mongo-1:27017,mongo-2:27017,mongo-3:27017
    secret mongodb_url "mongodb://app:$(< secrets/mongo_app_password)@$hosts/?replicaSet=rs0&authSource=admin"
    secret mongodb_backup_url "mongodb://backup:$(< secrets/mongo_backup_password)@$hosts/?replicaSet=rs0&authSource=admin"
    local broker
    broker=$(random)
    secret rabbitmq.conf "$(printf 'default_user = gateway\ndefault_pass = %s\n' "$broker")"
    [[ ,$(setting COMPOSE_PROFILES), != *,rabbitmq,* ]] ||
        filled queue_url "amqp://gateway:$(sed -n 's/^default_pass = //p' secrets/rabbitmq.conf)@rabbitmq/"
    [[ ,$(setting COMPOSE_PROFILES), != *,redis,* ]] || filled redis_url redis://redis:6379/0
    [[ -z ${RAZORPAY_KEY_SECRET:-} ]] || secret razorpay_key_secret "$RAZORPAY_KEY_SECRET"
    printf 'server_name %s;\n' "$(setting SERVER_NAME)" > site/server-name.conf
    [[ -n $(setting RAZORPAY_KEY_ID) ]] ||
        fail "RAZORPAY_KEY_ID is empty: write your key's id into deploy/production.env and run this again."
    [[ -s secrets/razorpay_key_secret ]] ||
        fail "deploy/secrets/razorpay_key_secret is missing: write the secret of $(setting RAZORPAY_KEY_ID) into it (chmod 444) and run this again."
}

up() {
    command -v docker > /dev/null || fail "Docker was not found: install it with its Compose plugin (Debian: apt-get install docker.io docker-compose)."
    prepare
    local version=${VERSION:-local}
    say "Building the image payment-gateway:$version ..."
    docker build --quiet --file Dockerfile --tag "payment-gateway:$version" --build-arg "VERSION=$version" \
        ${DEPLOY_BUILD_OPTIONS:-} .. > /dev/null
    say "Starting; the first time it takes about a minute until the database has its users ..."
    compose up --detach --remove-orphans
    wait_until_ready
}

wait_until_ready() {
    local name port ends
    name=$(setting SERVER_NAME) port=$(setting HTTPS_PORT)
    ends=$((SECONDS + 180))
    until curl --silent --insecure --fail --max-time 3 --output /dev/null --resolve "$name:$port:127.0.0.1" \
        "https://$name:$port/health/ready"; do
        ((SECONDS < ends)) || { compose ps; fail "It is not ready after three minutes; see: scripts/deploy.sh compose logs"; }
        sleep 1
    done
    say "Ready: $(setting PUBLIC_URL)   (dashboard: $(setting PUBLIC_URL)/dashboard)"
}

case ${1:-up} in
    up) up ;;
    prepare) prepare ;;
    down) compose down ;;
    compose) shift; compose "$@" ;;
    *) fail "Usage: scripts/deploy.sh up | down | prepare | compose ARGUMENTS..." ;;
esac
