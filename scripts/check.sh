#!/usr/bin/env bash
# Check the code: `static` without the tests, `all` with them. Stops at the first stage that fails and names it.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=.venv/bin
mkdir -p artifacts

stage() {
    local name=$1
    shift
    printf '\n== %s\n' "$name"
    "$@" || {
        printf '\nStopped: the stage "%s" failed. It ran: %s\n' "$name" "$*" >&2
        exit 1
    }
}

stage "format" "$bin/ruff" format --check
stage "lint" "$bin/ruff" check
stage "imports" "$bin/lint-imports"
stage "types" "$bin/mypy"
[[ $1 == all ]] || exit 0

read -ra packages <<< "${TEST_PACKAGES:-}"
((${#packages[@]} == 0)) || stage "system packages" scripts/packages.sh "${packages[@]}"
read -ra arguments <<< "${PYTEST_ARGS:-}"
printf '\n== tests\n'
# A part of the suite covers a part of the code, so only a whole run is held to its coverage.
((${#arguments[@]} == 0)) || exec "$bin/python" -m pytest --numprocesses "${TEST_PROCESSES:-auto}" "${arguments[@]}"
"$bin/python" -m pytest --numprocesses "${TEST_PROCESSES:-auto}" --cov
# What money rests on has no line and no branch that no test runs; the tenth of a percent is for branches that only an
# unlucky moment takes. Silent when it holds: the run ends in pytest's own closing line.
rooms='app/kit/*,app/gateways/*,app/payments/*,app/inbox/*,app/ledger/*,app/outbox/*,app/refunds/*'
"$bin/coverage" report --include="$rooms" --precision=2 --fail-under=99.9 > artifacts/coverage-of-money.txt || {
    cat artifacts/coverage-of-money.txt
    printf '\nStopped: kit, gateways, payments, inbox, ledger, outbox and refunds must be covered whole, every branch of them.\n' >&2
    exit 1
}
