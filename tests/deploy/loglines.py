"""The one shape in which deploy/logs keeps what every container says."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

LEVELS = frozenset({"debug", "info", "warning", "error", "critical"})
TEXTS = ("service", "timestamp", "level", "event", "logger")


def parsed(lines: Iterable[str]) -> list[Mapping[str, Any]]:
    """Return the lines as objects. Raises AssertionError: one has another shape."""
    return [_parsed(line) for line in lines if line]


def _parsed(line: str) -> Mapping[str, Any]:
    said = json.loads(line)
    assert all(isinstance(said.get(name), str) for name in TEXTS), line
    assert said["level"] in LEVELS, line
    assert said["service"], line
    assert said["event"], line
    assert datetime.fromisoformat(said["timestamp"]).tzinfo is not None, line
    return said  # type: ignore[no-any-return]
