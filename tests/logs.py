"""What a test's own code logs, and nothing that the products of other tests log in the same process meanwhile."""

from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import structlog

_IS_LISTENING = ContextVar("_IS_LISTENING", default=False)


@contextmanager
def captured_logs() -> Iterator[list[MutableMapping[str, Any]]]:
    """Collect what this task, and those it starts, log until the block ends."""
    token = _IS_LISTENING.set(True)
    try:
        with structlog.testing.capture_logs(processors=[_drop_what_others_say]) as entries:
            yield entries
    finally:
        _IS_LISTENING.reset(token)


def _drop_what_others_say(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    if not _IS_LISTENING.get():
        raise structlog.DropEvent
    return event
