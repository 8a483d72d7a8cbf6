"""The background door: applies the processor's events and looks at payments nobody told us about.

Any number of workers may run: every piece of work is leased in MongoDB, and applying it twice changes nothing.
"""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import structlog
from pymongo.errors import PyMongoError

from app.config import Settings
from app.kit.logs import configure_logs
from app.observability import start_error_tracking
from app.wiring import Wiring, wire

_log = structlog.get_logger("app.worker")

INBOX_LANES = 8
CHECK_LANES = 4
_HEARTBEAT_SECONDS = 5.0
_TROUBLE_SECONDS = 1.0

Work = Callable[[], Awaitable[bool]]
"""Does one piece of work; tells whether there was one."""


async def run_worker(settings: Settings, *, ready_file: Path | None = None) -> None:
    """Work until SIGTERM or SIGINT, then finish what is under way and return.

    Args:
        settings: of the deployment.
        ready_file: gets the line `ready` once the worker works, for whoever waits for it.
    """
    configure_logs(level=settings.effective_log_level)
    start_error_tracking(settings)
    wiring = wire(settings)
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stopping.set)
    await wiring.start()
    try:
        if ready_file is not None:
            ready_file.write_text("ready\n", encoding="ascii")  # noqa: ASYNC240  once, before any work
        _log.info("worker_started", inbox_lanes=INBOX_LANES, check_lanes=CHECK_LANES)
        await work_until(stopping, wiring, idle_seconds=settings.worker_poll_seconds)
    finally:
        await wiring.close()
        _log.info("worker_stopped")


async def work_until(stopping: asyncio.Event, wiring: Wiring, *, idle_seconds: float) -> None:
    """Run every lane until the event is set; each lane ends after the piece of work it is at."""
    async with asyncio.TaskGroup() as lanes:
        for _ in range(INBOX_LANES):
            lanes.create_task(_lane(wiring.inbox.apply_next, stopping, idle_seconds))
        for _ in range(CHECK_LANES):
            lanes.create_task(_lane(wiring.checks.check_next, stopping, idle_seconds))
        lanes.create_task(_beat(wiring, stopping))


async def _lane(work: Work, stopping: asyncio.Event, idle_seconds: float) -> None:
    """Do one piece after another; rest when there is none, and longer when the database has trouble."""
    while not stopping.is_set():
        try:
            rest = 0.0 if await work() else idle_seconds
        except PyMongoError as error:
            _log.warning("worker_database_trouble", error=type(error).__name__)
            rest = _TROUBLE_SECONDS
        except Exception:  # noqa: BLE001  a defect in one piece of work must not end the lane
            _log.exception("worker_defect")
            rest = _TROUBLE_SECONDS
        if rest:
            await _rest(stopping, rest)


async def _beat(wiring: Wiring, stopping: asyncio.Event) -> None:
    """Say from time to time that this worker lives, and refresh what only a worker measures."""
    while not stopping.is_set():
        try:
            await wiring.heartbeats.record("worker")
        except PyMongoError as error:
            _log.warning("worker_database_trouble", error=type(error).__name__)
        await _rest(stopping, _HEARTBEAT_SECONDS)


async def _rest(stopping: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(stopping.wait(), timeout=seconds)
