"""The children's log files: kept small, read at their end, followed for what deserves a look."""

import json
from dataclasses import dataclass, field
from pathlib import Path

MOST_BYTES = 10 * 1024 * 1024
_TAIL_BYTES = 16 * 1024
_CHUNK_BYTES = 256 * 1024
_LOUD = ('"warning"', '"error"', '"critical"')
_LOUD_LEVELS = ("warning", "error", "critical")
_SHOWN_AT_ONCE = 5
_LINE_LENGTH = 400


def rotate(log: Path) -> None:
    """Move a log aside when it has grown beyond the cap; one old one is kept."""
    if log.exists() and log.stat().st_size > MOST_BYTES:
        log.replace(log.with_suffix(log.suffix + ".1"))


def size_of(log: Path) -> int:
    """Return the size in bytes, 0 when there is no log."""
    return log.stat().st_size if log.exists() else 0


def tail(log: Path, *, lines: int = 10, since: int = 0) -> list[str]:
    """Return the last lines that were written after the offset, without blank ones."""
    if not log.exists():
        return []
    with log.open("rb") as file:
        file.seek(max(since, size_of(log) - _TAIL_BYTES))
        text = file.read().decode(errors="replace")
    return [_shorten(line) for line in text.splitlines() if line.strip()][-lines:]


@dataclass(slots=True)
class Follower:
    """Reads what was added to a log of JSON lines and picks the warnings and errors."""

    log: Path
    offset: int = field(init=False)

    def __post_init__(self) -> None:
        self.offset = size_of(self.log)

    def new_warnings(self) -> list[str]:
        """Return the new warnings and errors as readable lines, the rest of a flood as one line."""
        found = [line for line in (_readable(raw) for raw in self._new_lines()) if line]
        if len(found) <= _SHOWN_AT_ONCE:
            return found
        return [*found[:_SHOWN_AT_ONCE], f"... and {len(found) - _SHOWN_AT_ONCE} more in {self.log}"]

    def _new_lines(self) -> list[str]:
        size = size_of(self.log)
        if size == self.offset:
            return []
        with self.log.open("rb") as file:
            file.seek(self.offset if size > self.offset else 0)
            data = file.read(_CHUNK_BYTES)
            whole = data[: data.rfind(b"\n") + 1] or data
            self.offset = file.tell() - len(data) + len(whole)
        return whole.decode(errors="replace").splitlines()


def _readable(line: str) -> str:
    if not any(level in line for level in _LOUD):
        return ""
    try:
        entry = json.loads(line)
    except ValueError:
        return ""
    if not isinstance(entry, dict) or entry.get("level") not in _LOUD_LEVELS:
        return ""
    known = ("level", "event", "timestamp", "logger")
    details = " ".join(f"{name}={value}" for name, value in entry.items() if name not in known)
    return _shorten(f"{entry['level']}: {entry.get('event', '')} {details}".strip())


def _shorten(line: str) -> str:
    return line if len(line) <= _LINE_LENGTH else f"{line[: _LINE_LENGTH - 3]}..."
