"""A member of the replica set whose disk is full: it goes, the others serve, and it comes back once there is room."""

import asyncio
import contextlib
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pymongo.errors import PyMongoError

from app.database import Database
from app.local.ports import free_port
from tests.chaos.cluster import Cluster
from tests.chaos.processes import proxy_program

_MEGABYTES = 700
_PATIENCE_SECONDS = 90.0
_SECONDARY = 2

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a volume of its own for one member")


@contextlib.contextmanager
def volume(folder: Path) -> Iterator[None]:
    """Give a folder a small disk of its own."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={_MEGABYTES}m", "tmpfs", folder], check=True)  # noqa: S603, S607
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", folder], check=True)  # noqa: S603, S607


def fill(folder: Path) -> Path:
    """Take every byte that is left."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"\0" * 2**20)
    with filler.open("ab", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"\0")
    return filler


async def test_g6_a_member_whose_disk_is_full_goes_alone_and_comes_back(tmp_path):
    cluster = Cluster.prepared()
    unlucky = cluster.members[0]
    taken = [port for (port,) in cluster.targets.values()]
    ports = {}
    for name in cluster.targets:
        ports[name] = free_port(other_than=taken)
        taken.append(ports[name])
    gate, cluster.proxy = proxy_program(tmp_path, cluster.targets, ports, seed=1)
    with volume(unlucky.mongod.folder):
        try:
            gate.start()
            await gate.wait_until_healthy()
            await cluster.start()
            await _outlives_a_full_disk(cluster, unlucky)
        finally:
            await cluster.close()
            await gate.stop()


async def _outlives_a_full_disk(cluster, unlucky):
    database = Database.connect(cluster.url, name="disk", operation_seconds=4.0)
    written = []
    try:
        # The set may elect once more right after its start.
        async with asyncio.timeout(60):
            while len(written) < 6:
                await _write(database, written, seconds=0.1)
        filler = await asyncio.to_thread(fill, unlucky.mongod.folder)
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not unlucky.is_down and time.monotonic() < deadline:
            await _write(database, written, seconds=1)
        assert unlucky.is_down, "a member that can't write its journal has to end"
        after = len(written)
        await _write(database, written, seconds=15)
        assert len(written) > after + 5, "two of three members have to serve"
        filler.unlink()
        await cluster.revive(unlucky)
        while time.monotonic() < deadline + _PATIENCE_SECONDS:
            with contextlib.suppress(PyMongoError):
                if (await unlucky.ask("replSetGetStatus"))["myState"] in {1, _SECONDARY}:
                    break
            await asyncio.sleep(0.2)
        assert (await unlucky.ask("replSetGetStatus"))["myState"] in {1, _SECONDARY}
        stored = {row["_id"] async for row in database.collection("rows").find({}, {"_id": 1})}
        assert set(written) <= stored, "an acknowledged write is lost"
    finally:
        await database.close()


async def _write(database, written, *, seconds):
    """Insert for a while; note what was acknowledged. What was not may be there too."""
    ends_at = time.monotonic() + seconds
    while time.monotonic() < ends_at:
        number = len(written) + int(time.monotonic_ns() % 10**6) * 10**6
        with contextlib.suppress(PyMongoError):
            await database.collection("rows").insert_one({"_id": number, "what": os.urandom(20_000)})
            written.append(number)
        await asyncio.sleep(0.01)
