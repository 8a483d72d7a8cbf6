"""One supervisor per data folder."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.local.problems import AlreadyRunning, FolderUnusable


@contextmanager
def run_lock(data_dir: Path) -> Iterator[None]:
    """Hold the folder's lock, which the kernel releases with the process; raises AlreadyRunning, FolderUnusable."""
    try:
        (data_dir / "logs").mkdir(parents=True, exist_ok=True)
        file = (data_dir / "run.lock").open("a+")
    except OSError as error:
        raise FolderUnusable(data_dir, error.strerror or "unknown reason") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            raise AlreadyRunning(data_dir, pid=file.read().strip()) from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
