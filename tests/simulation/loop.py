"""Time and turns: an event loop without sockets, threads or a clock of its own.

The product's coroutines run on it as they are. What is ready waits in a list, and the run decides, by its seed, who
comes next; time stands still until the run moves it. Every task belongs to a host, and a host that dies takes its
tasks along at the very place where they stand: nothing is caught, nothing is cleaned up, as with `kill -9`.
"""

import asyncio
import contextlib
import heapq
import itertools
import types
from collections.abc import Callable, Coroutine, Generator
from contextvars import Context, ContextVar, copy_context
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from app.kit.clock import MovableClock


@dataclass(slots=True)
class Host:
    """A process: it lives until it is killed, and another one takes its place."""

    name: str
    is_alive: bool = True
    deaths: list[Callable[[], None]] = field(default_factory=list)


HOST: ContextVar[Host] = ContextVar("host")


@types.coroutine
def pause() -> Generator[None, None, None]:
    """Let others come first: the place of every interleaving and every crash."""
    yield


class Loop(asyncio.AbstractEventLoop):
    """Runs one step at a time, of whom it is told."""

    def __init__(self, clock: MovableClock) -> None:
        self.clock = clock
        self.ready: list[asyncio.Handle] = []
        self._timers: list[tuple[float, int, asyncio.TimerHandle]] = []
        self._numbers = itertools.count()
        self.defects: list[BaseException] = []
        self._started: list[tuple[asyncio.Task[Any], Coroutine[Any, Any, Any]]] = []

    def step(self, index: int) -> bool:
        """Run one that is ready; tell whether it did anything (what belonged to a dead host does not)."""
        handle = self.ready.pop(index)
        if handle.cancelled():
            return False
        host = handle._context.get(HOST)
        if host is not None and not host.is_alive:
            return False
        handle._run()
        return True

    def start(self, host: Host, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Begin work that lives and dies with a host."""
        context = copy_context()
        context.run(HOST.set, host)
        return self.create_task(work, context=context)

    def end(self) -> None:
        """Close what is still under way, in order; the collector of garbage would do it at any time, and badly."""
        for _, work in self._started:
            with contextlib.suppress(RuntimeError, ValueError):
                work.close()
        self._started.clear()
        self.ready.clear()
        self._timers.clear()

    def due(self) -> None:
        """Make ready whatever waited for a moment that is past."""
        now = self.time()
        while self._timers and self._timers[0][0] <= now:
            self.ready.append(heapq.heappop(self._timers)[2])

    def next_timer(self) -> float | None:
        """Return the moment of the next timer that somebody still waits for."""
        while self._timers and self._is_void(self._timers[0][2]):
            heapq.heappop(self._timers)
        return self._timers[0][0] if self._timers else None

    @staticmethod
    def _is_void(handle: asyncio.TimerHandle) -> bool:
        host = handle._context.get(HOST)
        return handle.cancelled() or (host is not None and not host.is_alive)

    def time(self) -> float:
        """Return the seconds of the simulated clock."""
        return self.clock.monotonic()

    def at(self, moment: datetime) -> asyncio.Future[None]:
        """Return a future that is done at a moment."""
        future = self.create_future()
        self.call_at(moment.timestamp(), lambda: future.done() or future.set_result(None))
        return future

    def call_soon(self, callback: Callable[..., object], *args: Any, context: Context | None = None) -> asyncio.Handle:
        """Make a step ready."""
        handle = asyncio.Handle(callback, args, self, context)
        self.ready.append(handle)
        return handle

    def call_later(
        self, delay: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> Any:
        """Make a step ready after a while."""
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def call_at(self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None) -> Any:
        """Make a step ready at a moment."""
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        heapq.heappush(self._timers, (when, next(self._numbers), handle))
        return handle

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """Leave a cancelled timer where it is; it is passed over."""

    def create_future(self) -> asyncio.Future[Any]:
        """Return a future of this loop."""
        return asyncio.Future(loop=self)

    def create_task(self, coro: Any, *, name: str | None = None, context: Context | None = None) -> asyncio.Task[Any]:
        """Begin a coroutine. It is kept to the end, also when its host is dead."""
        task = asyncio.Task(coro, loop=self, name=name, context=context)
        task._log_destroy_pending = False
        self._started.append((task, coro))
        return task

    def get_debug(self) -> bool:
        """Tell that nobody debugs."""
        return False

    def is_running(self) -> bool:
        """Tell that the loop runs."""
        return True

    def is_closed(self) -> bool:
        """Tell that it is open."""
        return False

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Keep what nobody caught: a defect."""
        if (error := context.get("exception")) is not None:
            self.defects.append(error)
