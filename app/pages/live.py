"""Pages that change by themselves: server-sent events, few and for a while, with a plain state behind them.

A stream asks `poll` now and then and sends only what has changed. Each one ends after minutes, and when the process is
told to end; the browser then comes back by itself, perhaps to another process.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass

from starlette.responses import StreamingResponse

from app.kit.errors import Problem
from app.web.errors import ServiceUnavailable

Poll = Callable[[], Awaitable[Mapping[str, object]]]

_RETRY_MILLISECONDS = 3000
_BUSY_SECONDS = 10
_HEARTBEAT_SECONDS = 15.0
# Whoever waits for long waits a little longer for each look.
_SLOWER = 1.15
_SLOWEST_SECONDS = 5.0


@dataclass(slots=True)
class Streams:
    """The open streams of this process, at most `most`; `is_ending` says that the process is about to end."""

    is_ending: Callable[[], bool]
    most: int = 500
    open: int = 0

    def answer(self, poll: Poll, *, every: float = 1.0, longest: float = 300.0) -> StreamingResponse:
        """Return a stream of what `poll` says, whenever that changes.

        Args:
            poll: one look; a problem that it raises ends the stream, and the browser's next try is told of it.
            every: seconds between looks at first.
            longest: seconds until the stream ends.

        Raises:
            ServiceUnavailable: too many are open; the page falls back to asking for the state.
        """
        if self.open >= self.most:
            raise ServiceUnavailable(retry_after_seconds=_BUSY_SECONDS)
        headers = {"X-Accel-Buffering": "no"}
        return StreamingResponse(self._run(poll, every, longest), media_type="text/event-stream", headers=headers)

    async def _run(self, poll: Poll, every: float, longest: float) -> AsyncIterator[str]:
        self.open += 1
        try:
            yield f"retry: {_RETRY_MILLISECONDS}\n\n"
            async for part in _parts(poll, every, longest, self.is_ending):
                yield part
        finally:
            self.open -= 1


async def _parts(poll: Poll, every: float, longest: float, is_ending: Callable[[], bool]) -> AsyncIterator[str]:
    loop = asyncio.get_running_loop()
    ends_at, wait = loop.time() + longest, every
    known, told_at = None, loop.time()
    while loop.time() < ends_at and not is_ending():
        try:
            state = json.dumps(await poll(), separators=(",", ":"))
        except Problem:
            return
        if state != known:
            known, told_at, wait = state, loop.time(), every
            yield f"data: {state}\n\n"
        elif loop.time() - told_at >= _HEARTBEAT_SECONDS:
            told_at = loop.time()
            yield ": still here\n\n"
        await asyncio.sleep(wait)
        wait = max(every, min(wait * _SLOWER, _SLOWEST_SECONDS))
