#!/usr/bin/env bash
# Check the code: `static` without the tests, `all` with them. Stops at the first stage that fails and names it.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=.venv/bin

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
# No stage after this one: the run ends in pytest's own closing line.
printf '\n== tests\n'
exec "$bin/python" -m pytest --numprocesses "${TEST_PROCESSES:-auto}" --cov "${arguments[@]}"
