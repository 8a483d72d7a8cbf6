"""Ports of this machine: a free one, and who holds one that is taken."""

import errno
import secrets
import socket
from collections.abc import Container
from pathlib import Path

from app.local.problems import HostUnusable, PortTaken
from app.local.processes import command_line

_PROC = Path("/proc")
_LISTEN = "0A"
_LOWEST, _RANGE = 20_000, 12_000


_given: set[int] = set()


def free_port(host: str = "127.0.0.1", *, other_than: Container[int] = ()) -> int:
    """Return a port that nobody listens on now, from the range that outgoing connections don't use.

    None is returned twice: whoever got it first may not listen there yet.
    """
    while not is_free(port := _LOWEST + secrets.randbelow(_RANGE), host) or port in other_than or port in _given:
        pass
    _given.add(port)
    return port


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Tell whether a server could listen there now; raises OSError when the host is not ours."""
    with socket.socket(_family(host), socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                return False
            raise
    return True


def require_free(port: int, *, host: str, setting: str) -> None:
    """Raise PortTaken, naming who listens where that can be found, or HostUnusable."""
    try:
        free = is_free(port, host)
    except OSError as error:
        raise HostUnusable(host) from error
    if not free:
        raise PortTaken(port, setting=setting, listener=find_listener(port))


def find_listener(port: int) -> str:
    """Return who listens on a port as `name (process 123)`, or an empty text where that can't be seen."""
    sockets = {f"socket:[{inode}]" for inode in _listening_inodes(port)}
    if not sockets:
        return ""
    for process in _PROC.iterdir():
        if process.name.isdigit() and _holds(process, sockets):
            name = Path(command_line(int(process.name)).split(" ")[0]).name
            return f"{name} (process {process.name})"
    return ""


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _listening_inodes(port: int) -> list[str]:
    inodes = []
    for table in ("net/tcp", "net/tcp6"):
        try:
            rows = (_PROC / table).read_text().splitlines()[1:]
        except OSError:
            continue
        for row in rows:
            fields = row.split()
            if fields[3] == _LISTEN and int(fields[1].rpartition(":")[2], 16) == port:
                inodes.append(fields[9])
    return inodes


def _holds(process: Path, sockets: set[str]) -> bool:
    try:
        return any(str(link.readlink()) in sockets for link in (process / "fd").iterdir())
    except OSError:
        return False
