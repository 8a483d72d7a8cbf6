"""A real mongod as a one-node replica set on loopback: found, started, made primary, stopped, recovered.

Its data lives in a folder and survives everything that mongod's journal survives. Tests ask for an ephemeral one.
"""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from app.local.mongod import explain_exit, find_mongod
from app.local.ports import free_port, is_free
from app.local.problems import MongodFailed
from app.local.processes import command_line, end, end_strangers, kill_group, spawn

if TYPE_CHECKING:
    from pymongo import MongoClient

REPLICA_SET = "rs0"
START_TIMEOUT_SECONDS = 60.0
_STOP_SECONDS = 15.0
_POLL_SECONDS = 0.02
_NOT_YET_INITIALIZED, _INVALID_REPLICA_SET_CONFIG = 94, 93
_EPHEMERAL_PREFIX = "payment-gateway-mongod-"
_EPHEMERAL_BYTES = 1024**3
# By default what was dropped stays open for five minutes, for readers of the past; ours look back for a moment only.
_OF_A_TEST_RUN = ("enableTestCommands=1", "minSnapshotHistoryWindowInSeconds=20")
_SHORT_ELECTIONS = {"electionTimeoutMillis": 1000, "heartbeatIntervalMillis": 500}


class NotPrepared(AssertionError):
    """A mongod was spawned before it was prepared: a mistake of the caller."""


def url_of(port: int) -> str:
    """Return the connection string of the embedded database on that port."""
    return f"mongodb://127.0.0.1:{port}/?replicaSet={REPLICA_SET}"


@dataclass(slots=True)
class EmbeddedMongod:
    """One mongod in one folder; usable as a synchronous context manager or through `start()` and `stop()`.

    Construct it with `in_folder` or `ephemeral`. Start it from the main thread: it ends with the thread that started
    it.
    """

    folder: Path
    log: Path
    mongod_path: str | None = None
    port: int = 0
    is_ephemeral: bool = False
    parameters: tuple[str, ...] = ()
    _binary: Path | None = field(init=False, default=None)
    _process: subprocess.Popen[bytes] | None = field(init=False, default=None)

    @classmethod
    def in_folder(cls, data_dir: Path, *, mongod_path: str | None = None, port: int = 0) -> Self:
        """Return the database whose data stays in `data_dir/mongod` and whose log is `data_dir/logs/mongod.log`."""
        root = data_dir.resolve()
        return cls(folder=root / "mongod", log=root / "logs" / "mongod.log", mongod_path=mongod_path, port=port)

    @classmethod
    def ephemeral(cls, *, mongod_path: str | None = None, parameters: tuple[str, ...] = ()) -> Self:
        """Return a database for one test run: in memory where possible, with test commands, gone when stopped."""
        root = _ephemeral_root()
        _remove_abandoned(root)
        folder = Path(tempfile.mkdtemp(prefix=f"{_EPHEMERAL_PREFIX}{os.getpid()}-", dir=root))
        return cls(
            folder=folder,
            log=folder / "mongod.log",
            mongod_path=mongod_path,
            is_ephemeral=True,
            parameters=parameters,
        )

    @property
    def url(self) -> str:
        """Return the connection string; the port is known from `prepare` on."""
        return url_of(self.port)

    @property
    def pid(self) -> int | None:
        """Return the process that was started last, None before the first."""
        return None if self._process is None else self._process.pid

    @property
    def exit_status(self) -> int | None:
        """Return how it ended, None while it runs."""
        return None if self._process is None else self._process.poll()

    async def start(self) -> None:
        """Start it and return when it takes writes.

        Raises:
            LocalProblem: there is no usable mongod, or it did not start.
        """
        await asyncio.to_thread(self.prepare)
        self.spawn()
        await asyncio.to_thread(self.wait_until_primary)

    async def stop(self) -> None:
        """Stop it cleanly; an ephemeral one is removed."""
        await asyncio.to_thread(self.close)

    def __enter__(self) -> Self:
        self.prepare()
        self.spawn()
        self.wait_until_primary()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def prepare(self) -> None:
        """Find the program, end a mongod that an earlier run left on this folder, choose the port.

        Raises:
            LocalProblem: there is no usable mongod.
        """
        self._binary = self._binary or find_mongod(self.mongod_path)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.log.parent.mkdir(parents=True, exist_ok=True)
        if pid := running_pid(self.folder):
            end_strangers([pid], grace_seconds=_STOP_SECONDS)
        if not self.port:
            last = _last_port(self.folder)
            self.port = last if last and is_free(last) else free_port()

    def spawn(self) -> None:
        """Start the process without waiting for it; `prepare` comes first."""
        if self._binary is None:
            raise NotPrepared
        (self.folder / "port").write_text(str(self.port))
        last_signal = signal.SIGKILL if self.is_ephemeral else signal.SIGTERM
        self._process = spawn(self._command(self._binary), log=self.log, last_signal=last_signal)

    def wait_until_primary(self) -> None:
        """Wait until it takes writes, initiating or repairing the replica set's configuration; raises MongodFailed."""
        seen = self.log.stat().st_size if self.log.exists() else 0
        try:
            become_primary(self.port, pid=self._process.pid if self._process else None, is_alive=self._is_alive)
        except TimeoutError as error:
            status = self.exit_status
            self.close()
            reason = f"it took no writes within {START_TIMEOUT_SECONDS:.0f} s" if status is None else ""
            reason = reason or _reason_in(self.log, status=status or 0, offset=max(0, seen - 64 * 1024))
            raise MongodFailed(reason, log=self.log) from error

    def close(self) -> None:
        """Stop the process; an ephemeral one is killed and removed, as nothing of it is kept."""
        if self._process is not None:
            if self.is_ephemeral:
                kill_group(self._process)
                self._process.wait()
            else:
                end(self._process, grace_seconds=_STOP_SECONDS)
        if self.is_ephemeral:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _is_alive(self) -> bool:
        return self.exit_status is None

    def kill(self) -> None:
        """End it at once; the journal brings the data back at the next start."""
        if self._process is not None:
            kill_group(self._process)

    def _command(self, binary: Path) -> list[str]:
        command = [str(binary), "--dbpath", str(self.folder), "--port", str(self.port), "--bind_ip", "127.0.0.1"]
        command += ["--replSet", REPLICA_SET, "--oplogSize", "128", "--wiredTigerCacheSizeGB", "0.25", "--nounixsocket"]
        command += ["--networkMessageCompressors", "snappy,zstd", "--quiet"]
        command += ["--setParameter", "diagnosticDataCollectionEnabled=false"]
        # A process that dies within a transaction leaves its locks behind until this ends; ours last 8 s at most.
        command += ["--setParameter", "transactionLifetimeLimitSeconds=10"]
        # A lone node has nobody to hand over to, so there is nothing to wait for when it stops.
        command += ["--setParameter", "shutdownTimeoutMillisForSignaledShutdown=0"]
        for parameter in (*self.parameters, *(_OF_A_TEST_RUN if self.is_ephemeral else ())):
            command += ["--setParameter", parameter]
        # A test run drops hundreds of databases, whose files are let go at the next checkpoint: so that one comes soon.
        return [*command, *(["--syncdelay", "5"] if self.is_ephemeral else [])]


def become_primary(
    port: int,
    *,
    pid: int | None = None,
    is_alive: Callable[[], bool] = lambda: True,
    timeout_seconds: float = START_TIMEOUT_SECONDS,
) -> None:
    """Wait for the mongod on that port, initiate or repair its replica set, and return when it takes writes.

    Several processes may call this at once for the same mongod. One that has another process id than the given one is
    left alone: ours is about to find its port taken. Raises TimeoutError, also when it is not alive.
    """
    # The driver takes as long to import as mongod takes to start, so both happen at the same time.
    from pymongo import MongoClient  # noqa: PLC0415  see above
    from pymongo.errors import PyMongoError  # noqa: PLC0415  see above

    deadline = time.monotonic() + timeout_seconds
    while not _accepts(port):
        if not is_alive() or time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(_POLL_SECONDS)
    is_primary = False
    client: MongoClient[dict[str, Any]]
    with MongoClient("127.0.0.1", port, directConnection=True, serverSelectionTimeoutMS=2000) as client:
        while is_alive() and time.monotonic() < deadline:
            with contextlib.suppress(PyMongoError):
                is_primary = _takes_writes(client, port, pid=pid)
            if is_primary:
                return
            time.sleep(_POLL_SECONDS)
    raise TimeoutError


def running_pid(folder: Path) -> int | None:
    """Return the process of the mongod that runs on this data folder, None when there is none."""
    with contextlib.suppress(OSError, ValueError):
        pid = int((folder / "mongod.lock").read_text())
        command = f"{command_line(pid)} "
        return pid if "mongod" in command and f"--dbpath {folder.resolve()} " in command else None
    return None


def find_running(data_dir: Path) -> str | None:
    """Return the connection string of the embedded database that a running supervisor serves from that data folder."""
    folder = data_dir.resolve() / "mongod"
    port = _last_port(folder)
    return url_of(port) if port and running_pid(folder) else None


def _takes_writes(client: "MongoClient[dict[str, Any]]", port: int, *, pid: int | None) -> bool:
    """Tell whether our mongod is primary; take the next step towards that when it is not."""
    hello = client.admin.command("hello")
    if pid is not None and client.admin.command("serverStatus")["pid"] != pid:
        return False
    if not hello["isWritablePrimary"] and not hello.get("setName"):
        _configure(client, port)
    return bool(hello["isWritablePrimary"])


def _configure(client: "MongoClient[dict[str, Any]]", port: int) -> None:
    """Initiate a new set; move one that was on another port to this one."""
    from pymongo.errors import OperationFailure  # noqa: PLC0415  imported with the client, see become_primary

    host = f"127.0.0.1:{port}"
    try:
        client.admin.command("replSetGetStatus")
    except OperationFailure as error:
        if error.code == _NOT_YET_INITIALIZED:
            members = [{"_id": 0, "host": host}]
            new = {"_id": REPLICA_SET, "members": members, "settings": _SHORT_ELECTIONS}
            client.admin.command("replSetInitiate", new)
        elif error.code == _INVALID_REPLICA_SET_CONFIG:  # its only member is on another port
            config = client.local["system.replset"].find_one() or {}
            config["members"][0]["host"] = host
            config["version"] += 1
            client.admin.command("replSetReconfig", config, force=True)


def _accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def _last_port(folder: Path) -> int | None:
    with contextlib.suppress(OSError, ValueError):
        return int((folder / "port").read_text())
    return None


def _reason_in(log: Path, *, status: int, offset: int) -> str:
    """Return what mongod's log says went wrong: its last error, else its last words."""
    with log.open("rb") as file:
        file.seek(offset)
        text = file.read().decode(errors="replace")
    errors = [line for line in text.splitlines() if '"s":"E"' in line or '"s":"F"' in line]
    for line in reversed(errors):
        with contextlib.suppress(ValueError):
            entry = json.loads(line)
            detail = entry.get("attr", {}).get("error", "")
            return f"mongod says `{entry['msg']}{f': {detail}' if detail else ''}`"
    return explain_exit(status, "" if text.rstrip().endswith("}") else text)


def _ephemeral_root() -> Path:
    memory = Path("/dev/shm")  # noqa: S108  folders in it are made by mkdtemp
    roomy = memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > _EPHEMERAL_BYTES
    return memory if roomy else Path(tempfile.gettempdir())


def _remove_abandoned(root: Path) -> None:
    """Remove the folders of test runs that were killed; their mongods died with them."""
    for folder in root.glob(f"{_EPHEMERAL_PREFIX}*-*"):
        owner = folder.name.removeprefix(_EPHEMERAL_PREFIX).partition("-")[0]
        if owner.isdigit() and not command_line(int(owner)) and not running_pid(folder):
            shutil.rmtree(folder, ignore_errors=True)
