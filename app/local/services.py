"""The services of a local run behind one face: start, healthy or not, ended or not, stop."""

import asyncio
import http.client
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import Popen
from typing import Protocol
from urllib.parse import urlsplit

from app.local.embedded import EmbeddedMongod
from app.local.logfiles import size_of, tail
from app.local.problems import ServiceFailed
from app.local.processes import end, kill_group, spawn

HealthCheck = Callable[[], bool]
_POLL_SECONDS = 0.05
_REPORT_SECONDS = 3.0
_HTTP_SECONDS = 3.0


class Service(Protocol):
    """What the supervisor needs to know of a database or a child process."""

    @property
    def name(self) -> str:
        """Return the word for it in sentences."""
        ...

    @property
    def log(self) -> Path:
        """Return its log file."""
        ...

    @property
    def exit_status(self) -> int | None:
        """Return how it ended, None while it runs."""
        ...

    async def start(self) -> None:
        """Start it and return when it is healthy; raises LocalProblem."""
        ...

    async def stop(self) -> None:
        """Stop it cleanly, at the latest by force."""
        ...

    def kill(self) -> None:
        """End it at once."""
        ...


@dataclass(slots=True)
class DatabaseService:
    """The embedded mongod as a service."""

    mongod: EmbeddedMongod
    name: str = "database"

    @property
    def log(self) -> Path:
        """Return mongod's log."""
        return self.mongod.log

    @property
    def exit_status(self) -> int | None:
        """Return how mongod ended."""
        return self.mongod.exit_status

    async def start(self) -> None:
        """Start mongod; on its port from before, when it was started before."""
        await self.mongod.start()

    async def stop(self) -> None:
        """Stop mongod with its files closed."""
        await self.mongod.stop()

    def kill(self) -> None:
        """Kill mongod; its journal keeps what was acknowledged."""
        self.mongod.kill()


@dataclass(slots=True)
class ChildService:
    """A child process with a log and a health check."""

    name: str
    command: tuple[str, ...]
    log: Path
    environment: Mapping[str, str]
    is_healthy: HealthCheck
    say: Callable[[str], None]
    timeout_seconds: float
    grace_seconds: float
    _process: Popen[bytes] | None = field(init=False, default=None)
    _log_start: int = field(init=False, default=0)

    @property
    def exit_status(self) -> int | None:
        """Return how it ended, None while it runs and before it was started."""
        return None if self._process is None else self._process.poll()

    async def start(self) -> None:
        """Start it and wait until it is healthy; raises ServiceFailed when it ends or stays silent."""
        self._log_start = size_of(self.log)
        self._process = spawn(self.command, log=self.log, environment=self.environment)
        started = reported = time.monotonic()
        while not await asyncio.to_thread(self.is_healthy):
            now = time.monotonic()
            if self.exit_status is not None:
                raise self.failure(f"ended with status {self.exit_status} before it was healthy")
            if now - started > self.timeout_seconds:
                raise self.failure(f"was not healthy within {self.timeout_seconds:.0f} s")
            if now - reported > _REPORT_SECONDS:
                reported = now
                self.say(f"  still waiting for the {self.name} ({now - started:.0f} s) ...")
            await asyncio.sleep(_POLL_SECONDS)

    async def stop(self) -> None:
        """Ask it to end; force it after the grace."""
        if self._process is None:
            return
        if not await asyncio.to_thread(end, self._process, grace_seconds=self.grace_seconds):
            self.say(f"  the {self.name} did not end within {self.grace_seconds:g} s and was killed")

    def kill(self) -> None:
        """Kill it and what it started."""
        if self._process is not None:
            kill_group(self._process)

    def failure(self, what: str) -> ServiceFailed:
        """Return the problem with the last lines that this start wrote."""
        return ServiceFailed(self.name, what, log=self.log, lines=tail(self.log, since=self._log_start))


def answers_ok(url: str) -> HealthCheck:
    """Return a check that the address answers 200."""
    parts = urlsplit(url)

    def check() -> bool:
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=_HTTP_SECONDS)
        try:
            connection.request("GET", parts.path, headers={"Connection": "close"})
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    return check


def says_ready(file: Path) -> HealthCheck:
    """Return a check that the file holds the line `ready`."""

    def check() -> bool:
        try:
            return file.read_text().strip() == "ready"
        except OSError:
            return False

    return check
