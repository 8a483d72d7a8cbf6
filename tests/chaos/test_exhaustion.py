"""Without a file descriptor or memory left an instance refuses or ends, comes back, and nothing is half done (P9)."""

import asyncio
import contextlib
import os
import resource
import secrets
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from app.local.ports import free_port
from tests.chaos.processes import Program, product_programs, simulator_program
from tests.chaos.proxy import HOST
from tests.chaos.run import beside
from tests.deploy.load import Load, differences, world_at
from tests.world import Merchant

_DESCRIPTORS = 128
_CONNECTIONS = 400
_FLOOD_SECONDS = 6.0
_HEALTHY_SECONDS = 120.0
_FAMINES = 3
_HUNGRY, _MEALS, _MEAL_BYTES = 24, 8, 900_000
_SPARE_BYTES = 2_000_000
_TICKS = os.sysconf("SC_CLK_TCK")

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/fd").is_dir(), reason="only Linux shows what another process holds"
)


@dataclass(slots=True)
class Till:
    """An instance, a worker and a simulator as processes, with a merchant who takes payments."""

    api: Program
    port: int
    merchant: Merchant
    load: Load


@contextlib.asynccontextmanager
async def running_till(mongodb_url: str, folder: Path, *, descriptors: int | None = None) -> AsyncIterator[Till]:
    """Start everything, the instance with so many file descriptors; end it after the block."""
    port = free_port()
    simulator_port = free_port(other_than=[port])
    simulator = simulator_program(folder, port=simulator_port, seed=1)
    environment = {
        "ENVIRONMENT": "test",
        "HOST": HOST,
        "PUBLIC_URL": f"http://{HOST}:{port}",
        "MONGODB_URL": mongodb_url,
        "DATABASE_NAME": f"exhausted-{secrets.token_hex(6)}",
        "SECRET_KEY": secrets.token_hex(32),
        "RAZORPAY_BASE_URL": f"http://{HOST}:{simulator_port}",
        "BCRYPT_ROUNDS": "4",
        "LOG_LEVEL": "ERROR",
        "RATE_LIMITS_ENABLED": "false",
    }
    command = (sys.executable, "-m", "app.cli")
    (api,), workers = product_programs(folder, environment, api_ports=[port], workers=1, command=command)
    if descriptors is not None:
        api.command = ("/bin/sh", "-c", f'ulimit -n {descriptors}; exec "$@"', "sh", *api.command)
    programs = [simulator, api, *workers]
    try:
        for program in programs:
            program.start()
        for program in programs:
            await program.wait_until_healthy(seconds=_HEALTHY_SECONDS)
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=2)
        async with aiohttp.ClientSession(connector=connector) as session:
            merchant = await world_at(f"http://{HOST}:{port}", f"http://{HOST}:{simulator_port}", session).merchant()
            yield Till(api, port, merchant, Load([merchant]))
    finally:
        await asyncio.gather(*(program.stop() for program in programs))


async def test_p9_without_a_file_descriptor_left_it_refuses_without_spinning_and_recovers(mongodb_url, tmp_path):
    async with running_till(mongodb_url, tmp_path, descriptors=_DESCRIPTORS) as till:
        born = till.api.pid
        till.load.start(clients=4)
        taken: list[int] = []
        async with beside(*(_hold(till.port, taken) for _ in range(_CONNECTIONS))):
            async with asyncio.timeout(60):
                while _open_descriptors(born) < _DESCRIPTORS - 4:
                    await asyncio.sleep(0.05)
            began, used = time.monotonic(), _cpu_seconds(born)
            await asyncio.sleep(_FLOOD_SECONDS)
            share = (_cpu_seconds(born) - used) / (time.monotonic() - began)
        assert share < 0.9, f"it spins: {share:.0%} of a processor while it can take nobody"
        await till.api.wait_until_healthy(seconds=_HEALTHY_SECONDS)
        # It takes everybody again, and everything goes on as before.
        done = len(till.load.paid)
        async with asyncio.timeout(_HEALTHY_SECONDS):
            while len(till.load.paid) < done + 4:
                await asyncio.sleep(0.1)
        await till.load.stop()
        assert (till.api.pid, till.api.starts) == (born, 1), "it died of it"
        assert len(taken) > _DESCRIPTORS
        assert await differences(till.load) == []


async def test_p9_without_memory_left_it_refuses_or_ends_and_no_effect_is_half(mongodb_url, tmp_path):
    async with running_till(mongodb_url, tmp_path) as till:
        till.load.start(clients=4)
        ends: Counter[str] = Counter()
        for _ in range(_FAMINES):
            await _until_more_is_paid(till)
            await _famine(till, ends)
            # What a supervisor does; a process that lives has its memory again.
            till.api.restart_if_ended()
            await till.api.wait_until_healthy(seconds=_HEALTHY_SECONDS)
        await _until_more_is_paid(till)
        await till.load.stop()
        assert ends.keys() & {"500", "503", "cut", "ended"}, f"its memory never ended: {ends}"
        assert await differences(till.load) == []


async def _until_more_is_paid(till: Till) -> None:
    done = len(till.load.paid)
    async with asyncio.timeout(_HEALTHY_SECONDS):
        while len(till.load.paid) < done + 4:
            await asyncio.sleep(0.1)


async def _famine(till: Till, ends: Counter[str]) -> None:
    """Take an instance's memory away while requests come that need some; count how they end."""
    pid = till.api.pid
    assert pid is not None
    _, most = resource.prlimit(pid, resource.RLIMIT_DATA)
    resource.prlimit(pid, resource.RLIMIT_DATA, (_data_bytes(pid) + _SPARE_BYTES, most))
    try:
        async with aiohttp.ClientSession() as session:
            await asyncio.gather(*(_ask_much(session, till, ends) for _ in range(_HUNGRY)))
    finally:
        with contextlib.suppress(ProcessLookupError):
            resource.prlimit(pid, resource.RLIMIT_DATA, (most, most))
    if till.api.pid is None:
        ends["ended"] += 1


async def _ask_much(session: aiohttp.ClientSession, till: Till, ends: Counter[str]) -> None:
    """Send events that nobody signed, each as large as may be: they are read, and refused."""
    url = f"http://{HOST}:{till.port}/api/v1/webhooks/razorpay/{till.merchant.id}"
    for _ in range(_MEALS):
        try:
            async with asyncio.timeout(10), session.post(url, data=b"x" * _MEAL_BYTES) as answer:
                ends[str(answer.status)] += 1
        except TimeoutError:
            ends["hung"] += 1
        except aiohttp.ClientError:
            ends["cut"] += 1


def _data_bytes(pid: int) -> int:
    """Return how much a process has of what RLIMIT_DATA bounds."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return int(next(line for line in status.splitlines() if line.startswith("VmData")).split()[1]) * 1024


async def _hold(port: int, taken: list[int]) -> None:
    """Hold a connection that asks for nothing; take another when it is closed."""
    while True:
        try:
            reader, writer = await asyncio.open_connection(HOST, port)
        except OSError:
            await asyncio.sleep(0.2)
            continue
        taken.append(1)
        try:
            with contextlib.suppress(OSError):
                await reader.read(1)
        finally:
            writer.close()
        await asyncio.sleep(0.2)


def _open_descriptors(pid: int) -> int:
    return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS
