#!/usr/bin/env bash
# Make .venv hold what requirements/<runtime|dev>.txt pins. Does nothing when it already does.
set -euo pipefail
cd "$(dirname "$0")/.."

kind=$1
venv=.venv
python=$venv/bin/python

say() { printf '%s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

digest() { # of a file, by whatever this system has
    if command -v sha256sum > /dev/null; then sha256sum < "$1"; else shasum -a 256 < "$1"; fi | cut -d ' ' -f 1
}

# The lock's digest stands in the stamp, so that a changed date alone installs nothing again.
is_current() { [[ -x $python && -f $venv/.$1.stamp && $(< "$venv/.$1.stamp") == $(digest "requirements/$1.txt") ]]; }

is_new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' > /dev/null 2>&1; }

find_python() {
    local candidate
    if [[ -n ${PYTHON:-} ]]; then
        is_new_enough "$PYTHON" && command -v "$PYTHON" && return
        fail "PYTHON=$PYTHON is not Python 3.11 or newer: choose another one, for example make run PYTHON=python3.12."
    fi
    for candidate in python3 python3.13 python3.12 python3.11 python3.14 python; do
        is_new_enough "$candidate" && command -v "$candidate" && return
    done
    fail "Python 3.11 or newer was not found (python3 is $(python3 --version 2> /dev/null || echo missing)):" \
        "install it, or name it with make run PYTHON=/path/to/python3.11."
}

# Debian keeps the module that makes environments in a package of its own.
require_venv_module() {
    "$1" -c 'import ensurepip, venv' > /dev/null 2>&1 && return
    local package
    package=$("$1" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
    "$(dirname "$0")/packages.sh" "$package"
    "$1" -c 'import ensurepip, venv' > /dev/null 2>&1 || fail "$1 can't make virtual environments: install $package."
}

make_venv() {
    if [[ -x $python ]] && is_new_enough "$python"; then
        "$python" -m pip --version > /dev/null 2>&1 || "$python" -m ensurepip > /dev/null
        return
    fi
    local base
    base=$(find_python)
    require_venv_module "$base"
    say "Making the virtual environment $venv with $("$base" --version) ..."
    "$base" -m venv --clear "$venv"
}

# What dev.txt pins includes what runtime.txt pins.
if is_current "$kind" || { [[ $kind == runtime ]] && is_current dev; }; then
    exit 0
fi
make_venv
say "Installing the pinned requirements (about a minute the first time) ..."
"$python" -m pip install -qq --disable-pip-version-check --no-input --require-hashes --no-deps \
    --requirement "requirements/$kind.txt" ||
    fail "The requirements could not be installed; pip's own words are above."
digest "requirements/$kind.txt" > "$venv/.$kind.stamp"
