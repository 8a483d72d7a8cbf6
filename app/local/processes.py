"""Child processes that never outlive us, and processes that an earlier run left behind."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

_PROC = Path("/proc")
_TETHER = Path(__file__).with_name("tether.py")
_POLL_SECONDS = 0.02


def spawn(
    command: Sequence[str],
    *,
    log: Path,
    environment: Mapping[str, str] | None = None,
    last_signal: int = signal.SIGTERM,
) -> subprocess.Popen[bytes]:
    """Start a command in a session of its own, its output appended to the log.

    On Linux it gets `last_signal` when the calling thread ends, so call this from the main thread.
    """
    with log.open("ab") as output:
        return subprocess.Popen(  # noqa: S603  the command is ours
            _tethered(command, last_signal),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=None if environment is None else dict(environment),
            start_new_session=True,
        )


def end(process: subprocess.Popen[bytes], *, grace_seconds: float) -> bool:
    """Ask a child to end, then make it; also ends what it started. Tell whether asking was enough."""
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        process.wait(grace_seconds)
    except subprocess.TimeoutExpired:
        return False
    else:
        return True
    finally:
        kill_group(process)
        process.wait()


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """Kill a child and everything in its session, at once."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def command_line(pid: int) -> str:
    """Return the command of a running process, or an empty text when there is none (a zombie has none)."""
    if _PROC.is_dir():
        try:
            return (_PROC / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        except OSError:
            return ""
    return _ps("-o", "command=", "-p", str(pid)).strip()


def find_marked(marker: str) -> list[int]:
    """Return the processes of this user whose environment holds the marker, a `NAME=value`; not ourselves."""
    if _PROC.is_dir():
        found = [int(each.name) for each in _PROC.iterdir() if each.name.isdigit() and _has_marker(each, marker)]
    else:
        lines = _ps("-axEww", "-o", "pid=,command=").splitlines()
        found = [int(line.split()[0]) for line in lines if f" {marker} " in f"{line} "]
    return [pid for pid in found if pid != os.getpid()]


def end_strangers(pids: Iterable[int], *, grace_seconds: float) -> None:
    """End processes that are not our children: ask, wait, then kill what is left."""
    left = list(pids)
    for number, seconds in ((signal.SIGTERM, grace_seconds), (signal.SIGKILL, 2.0)):
        for pid in left:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number)
        deadline = time.monotonic() + seconds
        while (left := [pid for pid in left if not _has_ended(pid)]) and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)


def _has_ended(pid: int) -> bool:
    """Tell whether a process is gone with all it held; a dying one loses its command before it closes its sockets."""
    if not _PROC.is_dir():
        return not command_line(pid)
    try:
        state = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[0]
    except OSError:
        return True
    return state in "ZX"


def _tethered(command: Sequence[str], last_signal: int) -> list[str]:
    if not sys.platform.startswith("linux"):
        return list(command)
    return [sys.executable, "-I", "-S", str(_TETHER), str(os.getpid()), str(int(last_signal)), *command]


def _has_marker(process: Path, marker: str) -> bool:
    try:
        return marker.encode() in (process / "environ").read_bytes().split(b"\0")
    except OSError:
        return False


def _ps(*arguments: str) -> str:
    return subprocess.run(["/bin/ps", *arguments], capture_output=True, text=True, check=False).stdout  # noqa: S603  fixed program
