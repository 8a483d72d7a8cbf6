"""The processes of a run: started as in production, killed and stopped by their own ids, started again when they end.

`Program` is one process, `Fleet` all of them with the proxy in front. What a process says goes to its log.
"""

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from subprocess import Popen
from typing import Any

from app.local.ports import free_port
from app.local.processes import end, kill_group, spawn
from app.local.services import answers_ok, says_ready
from tests.chaos.proxy import ANYBODY, HOST, Rule

ROOT = Path(__file__).resolve().parents[2]
_START_SECONDS = 180.0
_POLL_SECONDS = 0.1
_RESTART_SECONDS = 0.5
_GRACE_SECONDS = 25.0
_INHERITED = {"PATH", "HOME", "LANG", "TMPDIR"}


class DidNotStart(RuntimeError):
    """A process was not healthy in time; the message carries the end of its log."""


@dataclass(slots=True)
class Program:
    """One process that is meant to run, and is started again when it is not."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    is_healthy: Callable[[], bool]
    before_start: Callable[[], None] = lambda: None
    is_wanted: bool = False
    starts: int = 0
    _rests_until: float = 0.0
    _process: Popen[bytes] | None = field(default=None, repr=False)

    @property
    def pid(self) -> int | None:
        """Return its process id, None when it does not run."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def start(self) -> None:
        """Start it without waiting."""
        inherited = {name: value for name, value in os.environ.items() if name in _INHERITED}
        self.before_start()
        # A `.env` file of the working folder must not change what is tested.
        with contextlib.chdir(self.log.parent):
            self._process = spawn(
                self.command,
                log=self.log,
                environment={**inherited, "PYTHONPATH": str(ROOT), **self.environment},
                last_signal=signal.SIGKILL,
            )
        self.is_wanted = True
        self.starts += 1

    async def wait_until_healthy(self, *, seconds: float = _START_SECONDS) -> None:
        """Wait until it answers. Raises DidNotStart."""
        deadline = time.monotonic() + seconds
        while not await asyncio.to_thread(self.is_healthy):
            if time.monotonic() > deadline:
                raise DidNotStart(f"{self.name}: {self.log.read_text(errors='replace')[-2000:]}")
            await asyncio.sleep(_POLL_SECONDS)

    def kill(self, *, rest_seconds: float = 0.0) -> None:
        """End it at once (kill -9); it is started again after the rest."""
        self._rests_until = time.monotonic() + rest_seconds
        if self._process is not None:
            kill_group(self._process)
            self._process.wait()

    async def stop(self) -> bool:
        """Ask it to end (SIGTERM) and wait; tell whether asking was enough."""
        self.is_wanted = False
        self.send(signal.SIGCONT)
        return self._process is None or await asyncio.to_thread(end, self._process, grace_seconds=_GRACE_SECONDS)

    def send(self, number: int) -> None:
        """Send a signal, if it runs: SIGSTOP freezes, SIGCONT thaws."""
        if (pid := self.pid) is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def restart_if_ended(self) -> None:
        """Do what a supervisor does: start it again when it ended though it is wanted."""
        if self.is_wanted and self.pid is None and time.monotonic() >= self._rests_until:
            self._rests_until = time.monotonic() + _RESTART_SECONDS
            self.start()


@dataclass(slots=True)
class ProxyClient:
    """Tells the proxy process what to break."""

    control_port: int
    ports: Mapping[str, int]

    async def impose(self, gate: str, *, source: str = ANYBODY, **rule: Any) -> None:
        """Put a rule in force on one gate, for one source or for all."""
        await self._order(gate=gate, source=source, rule=asdict(Rule(**rule)))

    async def heal(self) -> None:
        """Lift every rule."""
        await self._order(heal=True)

    async def know(self, **pids: int) -> None:
        """Say which process is which source."""
        await self._order(pids={name.replace("_", "-"): pid for name, pid in pids.items()})

    async def _order(self, **order: Any) -> None:
        reader, writer = await asyncio.open_connection(HOST, self.control_port)
        writer.write(json.dumps(order).encode() + b"\n")
        await writer.drain()
        if await reader.readline() != b"ok\n":
            raise DidNotStart("the proxy did not obey")
        writer.close()
        await writer.wait_closed()


def proxy_program(
    folder: Path, targets: Mapping[str, Sequence[int]], ports: Mapping[str, int], *, seed: int
) -> tuple[Program, ProxyClient]:
    """Return the proxy in front of these targets, and how to command it."""
    control = free_port()
    gates = [{"name": name, "port": ports[name], "targets": list(targets[name])} for name in targets]
    plan = json.dumps({"control": control, "seed": seed, "gates": gates})
    program = Program(
        name="proxy",
        command=(sys.executable, "-m", "tests.chaos.proxy", plan),
        environment={},
        log=folder / "proxy.log",
        is_healthy=lambda: not refuses(control),
    )
    return program, ProxyClient(control, ports)


def refuses(port: int) -> bool:
    """Tell whether nobody listens on a port of this machine."""
    import socket  # noqa: PLC0415  one probe

    try:
        socket.create_connection((HOST, port), timeout=1).close()
    except OSError:
        return True
    return False


def simulator_program(folder: Path, *, port: int, seed: int) -> Program:
    """Return the processor's simulator, whose journal is outside of everything that is killed."""
    command = (sys.executable, "-m", "razorpay_simulator", "--port", str(port), "--seed", str(seed), "--quiet")
    return Program(
        name="simulator",
        command=(*command, "--journal", str(folder / "journal.jsonl")),
        environment={},
        log=folder / "simulator.log",
        is_healthy=answers_ok(f"http://{HOST}:{port}/_sim/health"),
    )


def product_programs(
    folder: Path, environment: Mapping[str, str], *, api_ports: Iterable[int], workers: int, command: Sequence[str]
) -> tuple[list[Program], list[Program]]:
    """Return the API instances and the workers, each with its own log. `command` runs the product's command line."""
    apis = [
        Program(
            name=f"api-{number}",
            command=(*command, "api"),
            environment={**environment, "PORT": str(port)},
            log=folder / f"api-{number}.log",
            is_healthy=answers_ok(f"http://{HOST}:{port}/health/ready"),
        )
        for number, port in enumerate(api_ports)
    ]
    return apis, [_worker(folder, environment, number, command) for number in range(workers)]


def _worker(folder: Path, environment: Mapping[str, str], number: int, command: Sequence[str]) -> Program:
    ready = folder / f"worker-{number}.ready"
    return Program(
        name=f"worker-{number}",
        command=(*command, "worker"),
        environment={**environment, "WORKER_READY_FILE": str(ready)},
        log=folder / f"worker-{number}.log",
        is_healthy=says_ready(ready),
        before_start=lambda: ready.unlink(missing_ok=True),
    )
