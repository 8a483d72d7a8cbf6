#!/usr/bin/env bash
# Install the named Debian packages where that is possible, else say how.
set -euo pipefail

missing=()
for package in "$@"; do
    dpkg-query --show --showformat '${Status}' "$package" 2> /dev/null | grep -q ' installed$' || missing+=("$package")
done
((${#missing[@]})) || exit 0

if ! command -v apt-get > /dev/null; then
    echo "Needed and missing: ${missing[*]}; install them with this system's package manager." >&2
    exit 1
fi
if [[ $(id -u) != 0 ]]; then
    echo "Needed and missing: ${missing[*]}; install them with: sudo apt-get install ${missing[*]}" >&2
    exit 1
fi
echo "Installing ${missing[*]} through apt ..." >&2
export DEBIAN_FRONTEND=noninteractive
# What serves would begin to at once and take its port; the tests start what they need themselves. Containers have this
# file already, and a machine that has one of its own keeps it.
policy=${POLICY_FILE:-/usr/sbin/policy-rc.d}
if [[ ! -e $policy && -w $(dirname "$policy") ]]; then
    trap 'rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' > "$policy"
    chmod +x "$policy"
fi
apt-get update -qq
apt-get install -qq --yes --no-install-recommends "${missing[@]}" > /dev/null
