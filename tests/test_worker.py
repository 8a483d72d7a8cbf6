"""The worker: every lane goes on through trouble, ends after its piece of work, and says that it lives."""

import asyncio
import itertools
import logging
import os
import signal
import time
from dataclasses import dataclass, field
from types import SimpleNamespace

import aiohttp
import pytest
import structlog
from pymongo.errors import AutoReconnect

from app.config import Settings
from app.local.ports import free_port
from app.wiring import wire
from app.worker import CHECK_LANES, INBOX_LANES, run_worker, work_until
from tests.logs import captured_logs


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


class Drained:
    """An outbox without items."""

    async def work_until(self, stopping, *, idle_seconds):
        await stopping.wait()

    async def take_up_known(self):
        return 0


def doors(inbox=None, checks=None, beats=None):
    return SimpleNamespace(
        inbox=SimpleNamespace(apply_next=inbox or Script()),
        checks=SimpleNamespace(check_next=checks or Script()),
        ledger=SimpleNamespace(seal_next=Script()),
        book_checks=SimpleNamespace(check_next=Script()),
        drain=Drained(),
        refunds=SimpleNamespace(checks=SimpleNamespace(check_next=Script())),
        disputes=SimpleNamespace(checks=SimpleNamespace(check_next=Script())),
        recovery=SimpleNamespace(
            sweeps=SimpleNamespace(sweep_next=Script()),
            enrolment=SimpleNamespace(enroll_next=Script()),
            invariants=SimpleNamespace(check_next=Script()),
        ),
        webhooks=SimpleNamespace(deliveries=SimpleNamespace(deliver_next=Script())),
        analytics=SimpleNamespace(counting=SimpleNamespace(count_next=Script())),
        heartbeats=beats or Beats(),
    )


async def worked(wiring, *, until, idle_seconds=0.01, sign=None):
    """Let the lanes work until something is true, then stop them."""
    stopping = asyncio.Event()
    work = asyncio.create_task(work_until(stopping, wiring, idle_seconds=idle_seconds, sign=sign))
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
    assert 200 <= inbox.turns <= 200 + 2 * INBOX_LANES
    assert 100 <= checks.turns <= 100 + 2 * CHECK_LANES


@pytest.mark.parametrize("trouble", [AutoReconnect("gone"), RuntimeError("a defect"), TimeoutError(), KeyError("x")])
async def test_a_lane_survives_the_error_of_one_pass(trouble):
    inbox = Script([trouble] * INBOX_LANES)  # each lane meets it once
    await worked(doors(inbox), until=lambda: inbox.turns >= 2 * INBOX_LANES)
    assert not inbox.ends


async def test_the_sign_of_life_is_shown_while_the_database_is_away(tmp_path):
    sign = tmp_path / "sign"
    sign.write_text("ready\n")
    os.utime(sign, (0, 0))
    await worked(doors(beats=Beats(AutoReconnect("gone"))), until=lambda: sign.stat().st_mtime > 0, sign=sign)
    assert sign.read_text() == "ready\n"
    nowhere = tmp_path / "gone" / "sign"
    inbox = Script([True])
    await worked(doors(inbox), until=lambda: not inbox.ends, sign=nowhere)


async def test_trouble_is_logged_without_what_it_said():
    secret = "a customer's secret"
    inbox = Script([AutoReconnect(secret)])
    with captured_logs() as logs:
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
    async with asyncio.timeout(10):
        while len(begun) < INBOX_LANES:
            await asyncio.sleep(0.005)
        stopping.set()
        await work
    assert len(begun) == len(ended) == INBOX_LANES


async def test_an_idle_lane_asks_as_often_as_one_runner_would():
    inbox, checks = Script(), Script()
    await worked(doors(inbox, checks), until=lambda: inbox.turns >= INBOX_LANES + 60, idle_seconds=0.01)
    looks, looks_of_half_the_width = inbox.turns - INBOX_LANES, checks.turns - CHECK_LANES
    assert abs(looks - looks_of_half_the_width) < 20  # each runner for itself would make it 30 and more


async def test_a_find_brings_the_lane_to_its_full_width_without_resting():
    stopping, may_end = asyncio.Event(), asyncio.Event()
    turns, waiting = itertools.count(), []

    async def work():
        turn = next(turns)
        await asyncio.sleep(0)
        if turn < 1000:
            return turn >= INBOX_LANES - 1  # all but one find nothing and rest for an hour; then there is much to do
        waiting.append(turn)
        await may_end.wait()
        return False

    working = asyncio.create_task(work_until(stopping, doors(work), idle_seconds=3600))
    async with asyncio.timeout(10):
        while len(waiting) < INBOX_LANES:
            await asyncio.sleep(0.005)
        stopping.set()
        may_end.set()
        await working


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
        worker_metrics_port=free_port(),
    )


@pytest.fixture
def as_before():
    """Give the process its logging and its signals back."""
    config, root = structlog.get_config(), logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.configure(**config)
    root.handlers[:], root.level = handlers, level


async def shown_at(port):
    """Return the metrics that a worker shows."""
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}/metrics") as answer:
        return await answer.text()


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
            assert "event_loop_lag_seconds_count" in await shown_at(settings.worker_metrics_port)
            os.kill(os.getpid(), sent)
            await work
    finally:
        for name in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().remove_signal_handler(name)
        await wiring.database.client.drop_database(settings.database_name)
        await wiring.close()
