"""The background door: applies the processor's events, looks at payments nobody told us about, drains the outbox.

Any number of workers may run: every piece of work is leased in MongoDB, and applying it twice changes nothing.
"""

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import structlog
from pymongo.errors import PyMongoError

from app.config import Settings
from app.health.exporter import exporting
from app.health.exposition import Scraper
from app.health.loopwatch import LoopWatch
from app.kit.garbage import spare_the_lasting
from app.kit.logs import configure_logs
from app.observability import start_error_tracking
from app.wiring import Wiring, wire

_log = structlog.get_logger("app.worker")

INBOX_LANES = 8
CHECK_LANES = 4
REFUND_LANES = 2
WEBHOOK_LANES = 8
_HEARTBEAT_SECONDS = 5.0
_TROUBLE_SECONDS = 1.0

Work = Callable[[], Awaitable[bool]]
"""Does one piece of work; tells whether there was one."""


@dataclass(frozen=True, slots=True)
class Lane:
    """One sort of work, and how many pieces of it are done at the same time."""

    name: str
    work: Work
    width: int


def lanes_of(wiring: Wiring) -> tuple[Lane, ...]:
    """Return everything that a worker does, each sort in a lane of its own, so that none waits for another."""
    return (
        Lane("inbox", wiring.inbox.apply_next, INBOX_LANES),
        Lane("payment_checks", wiring.checks.check_next, CHECK_LANES),
        Lane("webhooks", wiring.webhooks.deliveries.deliver_next, WEBHOOK_LANES),
        Lane("ledger_seals", wiring.ledger.seal_next, 1),
        Lane("ledger_checks", wiring.book_checks.check_next, 1),
        Lane("refund_checks", wiring.refunds.checks.check_next, REFUND_LANES),
        Lane("dispute_checks", wiring.disputes.checks.check_next, 1),
        Lane("sweeps", wiring.recovery.sweeps.sweep_next, 1),
        Lane("enrolment", wiring.recovery.enrolment.enroll_next, 1),
        Lane("analytics", wiring.analytics.counting.count_next, 1),
        Lane("invariants", wiring.recovery.invariants.check_next, 1),
    )


async def run_worker(settings: Settings, *, ready_file: Path | None = None) -> None:
    """Work until SIGTERM or SIGINT, then finish what is under way and return.

    Args:
        settings: of the deployment.
        ready_file: gets the line `ready` once the worker works, and is touched as long as its loop turns, for whoever
            waits for it or watches it.
    """
    configure_logs(level=settings.effective_log_level)
    start_error_tracking(settings)
    wiring = wire(settings)
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stopping.set)
    await wiring.start()
    spare_the_lasting()
    try:
        async with _watched(settings, wiring):
            if ready_file is not None:
                ready_file.write_text("ready\n", encoding="ascii")  # noqa: ASYNC240  once, before any work
            channels = sorted(wiring.merchants.channels.open)
            _log.info("notices_sent_by" if channels else "notices_not_sent", channels=channels)
            _log.info("worker_started", **{lane.name: lane.width for lane in lanes_of(wiring)})
            await work_until(stopping, wiring, idle_seconds=settings.worker_poll_seconds, sign=ready_file)
    finally:
        await wiring.close()
        _log.info("worker_stopped")


@asynccontextmanager
async def _watched(settings: Settings, wiring: Wiring) -> AsyncIterator[None]:
    """Measure the event loop, and show what this worker counts, until the block ends."""
    loop_watch = LoopWatch(wiring.metrics.process.loop_lag)
    scraper = Scraper(token=settings.metrics_token.get_secret_value(), is_production=settings.is_production)
    port = settings.worker_metrics_port
    async with exporting(wiring.health, wiring.metrics, scraper, host=settings.host, port=port):
        loop_watch.start()
        try:
            yield
        finally:
            loop_watch.stop()


async def work_until(stopping: asyncio.Event, wiring: Wiring, *, idle_seconds: float, sign: Path | None = None) -> None:
    """Run every lane until the event is set; each lane ends after the piece of work it is at.

    Args:
        stopping: ends the work.
        wiring: what to work with.
        idle_seconds: how long a lane without work rests.
        sign: a file that is touched as long as the loop turns.
    """
    watches = [(_Watch(stopping, idle_seconds), lane) for lane in lanes_of(wiring)]
    async with asyncio.TaskGroup() as group:
        for watch, lane in watches:
            for _ in range(lane.width):
                group.create_task(_run(lane.work, watch))
        group.create_task(wiring.drain.work_until(stopping, idle_seconds=idle_seconds))
        group.create_task(_beat(wiring, stopping))
        if sign is not None:
            group.create_task(_show_life(sign, stopping))
        await stopping.wait()
        for watch, _ in watches:
            watch.report_work()


class _Watch:
    """Of a lane's runners with nothing to do, one at a time rests, then looks; who finds work sends the next.

    An idle lane so asks the database as often as one runner would, and a busy one still grows to its full width.
    """

    def __init__(self, stopping: asyncio.Event, idle_seconds: float) -> None:
        self.stopping = stopping
        self._idle_seconds = idle_seconds
        self._turn = asyncio.Lock()
        self._found = asyncio.Event()

    def report_work(self) -> None:
        """Let whoever rests look at once: where one piece of work was, there are often more."""
        self._found.set()

    async def rest(self) -> None:
        """Wait for a turn, and then until it is time to look, or somebody found work, or the worker stops."""
        async with self._turn:
            if not self.stopping.is_set():
                await _rest(self._found, self._idle_seconds)
            self._found.clear()


async def _run(work: Work, watch: _Watch) -> None:
    """Do one piece after another; rest when there is none, and longer when the database has trouble."""
    while not watch.stopping.is_set():
        try:
            if await work():
                watch.report_work()
            else:
                await watch.rest()
        except PyMongoError as error:
            _log.warning("worker_database_trouble", error=type(error).__name__)
            await _rest(watch.stopping, _TROUBLE_SECONDS)
        except Exception:  # noqa: BLE001  a defect in one piece of work must not end the lane
            _log.exception("worker_defect")
            await _rest(watch.stopping, _TROUBLE_SECONDS)


async def _beat(wiring: Wiring, stopping: asyncio.Event) -> None:
    """Say from time to time that this worker lives, and take up what an older one did not know how to do."""
    while not stopping.is_set():
        try:
            await wiring.heartbeats.record("worker")
            await wiring.drain.take_up_known()
        except PyMongoError as error:
            _log.warning("worker_database_trouble", error=type(error).__name__)
        await _rest(stopping, _HEARTBEAT_SECONDS)


async def _show_life(sign: Path, stopping: asyncio.Event) -> None:
    """Touch the file from time to time: a probe that asked the database would restart workers that only wait for it."""
    while not stopping.is_set():
        with suppress(OSError):  # the work goes on; whoever watches the file decides
            sign.touch()  # noqa: ASYNC240  an update of one inode
        await _rest(stopping, _HEARTBEAT_SECONDS)


async def _rest(until: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(until.wait(), timeout=seconds)
