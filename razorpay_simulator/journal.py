"""What the simulator did, in order, so that a test can compare it with what a client believes."""

import json
from collections import deque
from pathlib import Path
from typing import Any

from razorpay_simulator.clock import Clock


class Journal:
    """Ordered facts, the newest kept in memory and all of them in a file when one is given.

    Args:
        clock: the simulated time.
        size: how many facts stay in memory.
        path: a file to append JSON lines to.
    """

    def __init__(self, clock: Clock, *, size: int, path: Path | None) -> None:
        self._clock = clock
        self._entries: deque[dict[str, Any]] = deque(maxlen=size)
        self._last = 0
        self._file = None if path is None else path.open("a", encoding="utf-8")

    def write(self, kind: str, **facts: Any) -> None:
        """Note one fact; a file has it before this returns, so that a kill loses nothing."""
        self._last += 1
        entry = {"seq": self._last, "at": round(self._clock.now(), 3), "kind": kind, **facts}
        self._entries.append(entry)
        if self._file is not None:
            self._file.write(json.dumps(entry) + "\n")
            self._file.flush()

    def since(self, seq: int, *, kind: str | None = None, limit: int = 10_000) -> list[dict[str, Any]]:
        """Return the facts after a number, oldest first."""
        wanted = [entry for entry in self._entries if entry["seq"] > seq and kind in {None, entry["kind"]}]
        return wanted[:limit]

    @property
    def last(self) -> int:
        """Return the number of the newest fact, 0 when there is none."""
        return self._last

    def clear(self) -> None:
        """Forget what is in memory; numbers go on."""
        self._entries.clear()

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None
