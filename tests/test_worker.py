"""The worker: every lane goes on through trouble, ends after its piece of work, and says that it lives."""

import asyncio
import logging
import os
import signal
import time
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest
import structlog
from pymongo.errors import AutoReconnect

from app.config import Settings
from app.wiring import wire
from app.worker import CHECK_LANES, INBOX_LANES, run_worker, work_until


@dataclass
class Script:
    """Work that goes as written, one line per turn, and then finds nothing more to do."""

    ends: list[object] = field(default_factory=list)
    turns: int = 0

    async def __call__(self):
        self.turns += 1
        await asyncio.sleep(0)
        end = self.ends.pop(0) if self.ends else False
        if isinstance(end, BaseException):
            raise end
        return end


@dataclass
class Beats:
    """Signs of life, the first of which may fail."""

    trouble: BaseException | None = None
    kinds: list[str] = field(default_factory=list)

    async def record(self, kind):
        self.kinds.append(kind)
        if self.trouble is not None:
            raise self.trouble


def doors(inbox=None, checks=None, beats=None):
    return SimpleNamespace(
        inbox=SimpleNamespace(apply_next=inbox or Script()),
        checks=SimpleNamespace(check_next=checks or Script()),
        heartbeats=beats or Beats(),
    )


async def worked(wiring, *, until, idle_seconds=0.01):
    """Let the lanes work until something is true, then stop them."""
    stopping = asyncio.Event()
    work = asyncio.create_task(work_until(stopping, wiring, idle_seconds=idle_seconds))
    async with asyncio.timeout(10):
        while not until():
            assert not work.done(), work
            await asyncio.sleep(0.005)
        stopping.set()
        await work


async def test_work_that_is_there_is_done_without_resting():
    inbox, checks = Script([True] * 200), Script([True] * 100)
    started = time.perf_counter()
    await worked(doors(inbox, checks), until=lambda: not inbox.ends and not checks.ends, idle_seconds=3600)
    assert time.perf_counter() - started < 5  # an hour of rest would have to pass otherwise
    assert 200 <= inbox.turns <= 200 + INBOX_LANES
    assert 100 <= checks.turns <= 100 + CHECK_LANES


@pytest.mark.parametrize("trouble", [AutoReconnect("gone"), RuntimeError("a defect"), TimeoutError(), KeyError("x")])
async def test_a_lane_survives_the_error_of_one_pass(trouble):
    inbox = Script([trouble] * INBOX_LANES)  # each lane meets it once
    await worked(doors(inbox), until=lambda: inbox.turns >= 2 * INBOX_LANES)
    assert not inbox.ends


async def test_trouble_is_logged_without_what_it_said():
    secret = "a customer's secret"
    inbox = Script([AutoReconnect(secret)])
    with structlog.testing.capture_logs() as logs:
        await worked(doors(inbox, beats=Beats(AutoReconnect(secret))), until=lambda: inbox.turns > INBOX_LANES)
    assert {entry["event"] for entry in logs} == {"worker_database_trouble"}
    assert {entry["error"] for entry in logs} == {"AutoReconnect"}
    assert len(logs) == 2
    assert secret not in str(logs)


async def test_stopping_lets_every_piece_of_work_end_and_starts_no_more():
    stopping, begun, ended = asyncio.Event(), [], []

    async def slow():
        begun.append(1)
        await asyncio.sleep(0.1)
        ended.append(1)
        return True

    work = asyncio.create_task(work_until(stopping, doors(slow), idle_seconds=3600))
    while len(begun) < INBOX_LANES:
        await asyncio.sleep(0.005)
    stopping.set()
    async with asyncio.timeout(5):
        await work
    assert len(begun) == len(ended) == INBOX_LANES


async def test_a_resting_worker_stops_at_once():
    checks, beats = Script(), Beats()
    await worked(doors(checks=checks, beats=beats), until=lambda: checks.turns >= CHECK_LANES, idle_seconds=3600)
    assert checks.turns == CHECK_LANES
    assert beats.kinds == ["worker"]


@pytest.fixture
def settings(mongodb_url, database_name):
    return Settings(
        _env_file=None,
        environment="test",
        mongodb_url=mongodb_url,
        database_name=f"{database_name}-worker",
        log_level="ERROR",
        bcrypt_rounds=4,
        worker_poll_seconds=0.05,
    )


@pytest.fixture
def as_before():
    """Give the process its logging and its signals back."""
    config, root = structlog.get_config(), logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.configure(**config)
    root.handlers[:], root.level = handlers, level


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
async def test_a_worker_starts_beats_and_ends_cleanly_at_a_signal(settings, tmp_path, as_before, sent):
    ready = tmp_path / "ready"
    work = asyncio.create_task(run_worker(settings, ready_file=ready))
    wiring = wire(settings)
    try:
        async with asyncio.timeout(60):
            while not (ready.exists() and await wiring.heartbeats.find_newest("worker")):
                assert not work.done(), work
                await asyncio.sleep(0.02)
            assert ready.read_text() == "ready\n"
            os.kill(os.getpid(), sent)
            await work
    finally:
        for name in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().remove_signal_handler(name)
        await wiring.database.client.drop_database(settings.database_name)
        await wiring.close()
