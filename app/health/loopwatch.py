"""How late the event loop is: whatever holds it up, holds up every request and every piece of work of the process."""

import asyncio

from prometheus_client import Histogram

_EVERY_SECONDS = 0.25


class LoopWatch:
    """Sets a timer again and again and records how late it rang; no task, so nothing that could be lost."""

    def __init__(self, lag: Histogram, *, every_seconds: float = _EVERY_SECONDS) -> None:
        """Record into this histogram."""
        self._lag = lag
        self._every_seconds = every_seconds
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin in the running loop."""
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._every_seconds, self._ring, loop, loop.time() + self._every_seconds)

    def stop(self) -> None:
        """End; a watch that was not started has ended."""
        if self._timer is not None:
            self._timer.cancel()

    def _ring(self, loop: asyncio.AbstractEventLoop, due: float) -> None:
        self._lag.observe(max(0.0, loop.time() - due))
        self.start()
