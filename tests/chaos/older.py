"""The code of before: taken out of the repository's own history, so that it can run beside today's (P6)."""

import io
import os
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.processes import ROOT

REVISION = "P6_REVISION"  # set it to any revision to run that one beside today's
_SHAPES = (":(glob)app/**/*store.py", ":(glob)app/**/models.py", ":(glob)app/**/documents.py")


class NoHistory(RuntimeError):
    """There is no code of before to be had here; the message says why."""


@dataclass(frozen=True, slots=True)
class Older:
    """Older code: which revision, and the folder that stands first in its processes' search path."""

    revision: str
    folder: Path


def older_code(folder: Path) -> Older:
    """Take the code of before out into a folder. Raises NoHistory.

    It is what the environment names; else the newest release before this commit; else what was there before anything
    stored last changed its shape.
    """
    revision = os.environ.get(REVISION) or _newest_release() or _before_the_last_shape()
    archive = _git("archive", "--format=tar", revision, "app")
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.extractall(folder, filter="data")
    where = subprocess.run(
        [sys.executable, "-c", "import app; print(app.__file__)"],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(folder)},
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    assert Path(where.stdout.strip()).is_relative_to(folder), "today's code would run in its place"
    return Older(_git("rev-parse", "--short", revision).decode().strip(), folder)


def _newest_release() -> str | None:
    try:
        return _git("describe", "--tags", "--abbrev=0", "--match", "v[0-9]*", "HEAD^").decode().strip()
    except NoHistory:
        return None


def _before_the_last_shape() -> str:
    last = _git("log", "-1", "--first-parent", "--format=%H", "--", *_SHAPES).decode().strip()
    before = f"{last}^"
    try:
        _git("rev-parse", "--verify", "--quiet", before)
    except NoHistory:
        raise NoHistory("the history of this clone ends before the last change of a store (a shallow clone?)") from None
    return before


def _git(*arguments: str) -> bytes:
    try:
        done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, check=True)  # noqa: S603, S607
    except FileNotFoundError:
        raise NoHistory("there is no git") from None
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode(errors="replace").strip() or f"status {error.returncode}"
        raise NoHistory(f"git {arguments[0]}: {said}") from None
    return done.stdout
