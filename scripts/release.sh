#!/usr/bin/env bash
# Make what a release consists of, into artifacts/release: `all` up to publishing, or one part of it: `image`, `sbom`, `audit`.
set -euo pipefail
cd "$(dirname "$0")/.."
python=.venv/bin/python
folder=artifacts/release
missing=()

say() { printf '%s\n' "$*" >&2; }
stop() { say "Stopped: $*"; exit 1; }
stage() { printf '\n== %s\n' "$1" >&2; }

# What can't be done here is said at the end, and stops the release where REQUIRE names it.
lack() {
    local part=$1
    shift
    say "$*"
    [[ " ${REQUIRE:-} " != *" $part "* ]] || stop "this release requires the $part (REQUIRE)."
    missing+=("$*")
}

require_clean_tree() {
    [[ -z $(git status --porcelain) ]] || stop "the work tree is not clean; commit or put away:" "$(git status --short)"
}

image() {
    local name=${IMAGE:-payment-gateway:$1}
    command -v docker > /dev/null || { lack image "No image was built: docker is not installed here."; return; }
    docker info > /dev/null 2>&1 || { lack image "No image was built: docker is installed, but no engine answers."; return; }
    docker build --file deploy/Dockerfile --tag "$name" . || stop "the image could not be built; docker's own words are above."
    say "Built $name."
}

sbom() {
    mkdir -p "$folder"
    "$python" -W ignore -m cyclonedx_py requirements requirements/runtime.txt --pyproject pyproject.toml \
        --output-reproducible --of JSON --output-file "$folder/sbom.cdx.json"
    say "Wrote $folder/sbom.cdx.json."
}

# Words after the first go to pip-audit.
audit() {
    local status=0
    "$python" scripts/audit.py requirements/runtime.txt "$folder/audit.json" "$@" || status=$?
    case $status in
        0) ;;
        3) lack audit "The requirements were NOT CHECKED for known faults." ;;
        *) stop "a pinned requirement has a known fault: raise it in pyproject.toml, then make lock." ;;
    esac
}

archive() {
    local name=payment-gateway-api-$1
    git archive --format=tar.gz --prefix="$name/" --output="$folder/$name.tar.gz" HEAD
    say "Wrote $folder/$name.tar.gz."
}

checksums() {
    (cd "$folder" && rm -f SHA256SUMS && sha256sum -- * > "$OLDPWD/artifacts/SHA256SUMS" && mv "$OLDPWD/artifacts/SHA256SUMS" .)
    say "Wrote $folder/SHA256SUMS."
}

all() {
    local version
    stage "version"
    require_clean_tree
    version=$("$python" scripts/version.py "${TAG:-}") || stop "every place must name the same version."
    stage "tests"
    "${MAKE:-make}" test || stop "the tests failed."
    # What the tests left in artifacts/ is no part of the release.
    rm -rf "$folder"
    stage "image"
    image "$version"
    stage "list of materials"
    sbom
    stage "known faults"
    audit
    stage "source"
    archive "$version"
    checksums
    ((${#missing[@]} == 0)) || { printf '\nNot everything of %s was made:\n' "$version"; printf '  %s\n' "${missing[@]}"; exit 0; }
    printf '\nEverything of %s is in %s; nothing was published.\n' "$version" "$folder"
}

case ${1:-} in
    all) all ;;
    image) REQUIRE=image image "$("$python" -c 'import app; print(app.__version__)')" ;;
    sbom) sbom ;;
    audit) REQUIRE=audit audit "${@:2}" ;;
    *) stop "say one of: all, image, sbom, audit." ;;
esac
