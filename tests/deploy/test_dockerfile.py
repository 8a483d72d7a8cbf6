"""The image's recipe: held to hadolint and to what the manifests rely on."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.sources import ROOT

_HADOLINT = Path(sys.executable).parent / "hadolint"
_USER = "10001"

_GOOD = f"""\
FROM python:3.13-slim-bookworm
WORKDIR /app
COPY requirements/runtime.txt requirements/
RUN python -m pip install --no-cache-dir --require-hashes --no-deps --requirement requirements/runtime.txt
COPY app app
USER {_USER}:{_USER}
HEALTHCHECK CMD ["python", "-c", "pass"]
CMD ["python", "-m", "app.cli", "api"]
"""


def instructions(text):
    """Return the instructions in order, each on one line, without comments."""
    lines = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    joined = re.sub(r"\\\n", " ", lines)
    return [line.strip() for line in joined.splitlines() if line.strip()]


def complaints(text):
    """Return what the manifests, or whoever builds the image, could not rely on."""
    found = []
    lines = instructions(text)
    last_stage = lines[max(index for index, line in enumerate(lines) if line.upper().startswith("FROM ")) :]
    users = [line.split()[1] for line in last_stage if line.upper().startswith("USER ")]
    if not users or users[-1].split(":")[0] != _USER:
        found.append(f"USER must be {_USER} at the end, by number: runAsNonRoot can't check a name")
    if not any(line.upper().startswith("HEALTHCHECK ") and "NONE" not in line for line in last_stage):
        found.append("HEALTHCHECK is missing: compose waits for it")
    for line in lines:
        word = line.split()[0].upper()
        if word == "ADD":
            found.append("ADD fetches and unpacks by itself; use COPY")
        if word == "FROM" and (":latest" in line or not re.search(r"[:@]|\bAS\b|^FROM \w+$", line)):
            found.append(f"{line}: name a version")
        if word in {"ENV", "ARG"} and re.search(r"(SECRET|TOKEN|PASSWORD|MONGODB_URL)[A-Z_]*=\S", line):
            found.append(f"{word}: a secret in it stays in the image for everybody to read")
        found += [f"{one}: --require-hashes is missing" for one in installations(line) if "--require-hashes" not in one]
    return found


def installations(line):
    """Return the commands of an instruction that install Python packages from elsewhere than our own tree."""
    commands = [one.strip() for one in re.split(r"&&|;", line)]
    return [
        one
        for one in commands
        if re.search(r"\bpip3? (?:\S+ )*?install\b", one) and not re.search(r"--no-deps.* (\.|/\S+|\./\S*)$", one)
    ]


def linted(text):
    """Return what hadolint says about a recipe, a line each."""
    ran = subprocess.run(  # noqa: S603  a pinned tool
        [_HADOLINT, "--no-color", "--failure-threshold", "warning", "-"],
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )
    return [line for line in ran.stdout.splitlines() if re.search(r" (warning|error): ", line)]


def recipe():
    return (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8")


def test_the_recipe_passes_hadolint():
    assert not linted(recipe())


def test_the_recipe_keeps_what_the_manifests_rely_on():
    assert not complaints(recipe())


def test_t8_the_image_is_installed_from_the_hashes_alone():
    lines = [one for line in instructions(recipe()) for one in installations(line)]
    assert lines
    assert all("--require-hashes" in one for one in lines)


def test_a_good_recipe_passes():
    assert not linted(_GOOD)
    assert not complaints(_GOOD)


@pytest.mark.parametrize(
    ("before", "after", "complaint"),
    [
        (f"USER {_USER}:{_USER}\n", "", "USER must be"),
        (f"USER {_USER}:{_USER}", "USER gateway", "USER must be"),
        (f"USER {_USER}:{_USER}", f"USER {_USER}\nUSER root", "USER must be"),
        ("COPY app app", "ADD app app", "ADD fetches"),
        ("--require-hashes ", "", "--require-hashes is missing"),
        ('HEALTHCHECK CMD ["python", "-c", "pass"]', "HEALTHCHECK NONE", "HEALTHCHECK is missing"),
        ("python:3.13-slim-bookworm", "python:latest", "name a version"),
        ("WORKDIR /app", "ENV SECRET_KEY=abc\nWORKDIR /app", "ENV: a secret"),
    ],
)
def test_a_planted_mistake_is_noticed(before, after, complaint):
    assert before in _GOOD
    (found, *_) = complaints(_GOOD.replace(before, after))
    assert complaint in found


@pytest.mark.parametrize(
    ("before", "after", "rule"),
    [
        ("WORKDIR /app", "WORKDIR app", "DL3000"),
        ("COPY app app", "RUN cd /tmp && sudo true\nCOPY app app", "DL3004"),
        ("--no-cache-dir ", "", "DL3042"),
        ("python:3.13-slim-bookworm", "python", "DL3006"),
    ],
)
def test_hadolint_is_asked_in_earnest(before, after, rule):
    assert any(rule in line for line in linted(_GOOD.replace(before, after)))
