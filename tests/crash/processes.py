"""Lives and deaths: each step of a case runs in a process of its own, forked from one that has everything loaded."""

import asyncio
import faulthandler
import os
import select
import signal
import sys
import traceback
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

KILLED = 137
_DEFECT = 70
_LONGEST_SECONDS = 60.0
Life = Callable[[], Coroutine[Any, Any, str]]
"""What a process does in its life; the text is what it leaves behind."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a life ended: its exit status, and what it left behind."""

    status: int
    said: str


def live(life: Life, *, log: Path) -> Ended:
    """Run a life in a process of its own, and return how it ended; one that is too long is killed."""
    pid, pipe = _born(life, log)
    with os.fdopen(pipe, encoding="utf-8") as left:
        if not select.select([left], [], [], _LONGEST_SECONDS)[0]:
            os.kill(pid, signal.SIGKILL)
        said = left.read()
    _, status = os.waitpid(pid, 0)
    return Ended(os.waitstatus_to_exitcode(status), said)


def _born(life: Life, log: Path) -> tuple[int, int]:
    reads, writes = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writes)
        return pid, reads
    status = _DEFECT
    try:
        os.close(reads)
        with log.open("a", encoding="utf-8") as lines:
            os.dup2(lines.fileno(), sys.stdout.fileno())
            os.dup2(lines.fileno(), sys.stderr.fileno())
            faulthandler.dump_traceback_later(_LONGEST_SECONDS / 2)
        said = asyncio.run(life())
        os.write(writes, said.encode())
        status = 0
    except BaseException as error:  # noqa: BLE001  the parent must hear of it, and nothing of its code may run on here
        traceback.print_exc()
        os.write(writes, f"{type(error).__name__}: {error}"[:4000].encode())
    finally:
        sys.stderr.flush()
        os._exit(status)
