"""The verbs of backups: save everything, bring it back and look whether it is what it was."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from app.backups.checking import Checks, Verdict
from app.backups.dump import Dump, Say, Written, shown
from app.backups.restoring import RestoreRefused, Restoring

SESSIONS = "sessions"
_SLACK = timedelta(seconds=1)
"""The database tells its moment in whole seconds."""


class Lists(Protocol):
    """The sweeps through the processor's lists."""

    async def rewind(self, *, known_until: datetime) -> int:
        """Let every list be read from before a moment on; return how many there are."""
        ...


@dataclass(frozen=True, slots=True)
class How:
    """How a restore is to go about it.

    Attributes:
        replace: whether a database that holds something is replaced.
        end_sessions: whether everybody has to sign in again.
        any_key: whether to go on although the backup's secrets will not open.
    """

    replace: bool = False
    end_sessions: bool = False
    any_key: bool = False


@dataclass(frozen=True, slots=True)
class Backups:
    """Saves and restores one database."""

    dump: Dump
    restoring: Restoring
    checks: Checks
    lists: Lists

    async def create_backup(self, directory: Path, *, keep: int | None, say: Say) -> Written:
        """Save everything of one moment; then keep only so many whole backups of this database.

        Raises:
            BackupFailed: nothing whole was written, and no other backup was removed.
        """
        began = time.monotonic()
        written = await self.dump.write(directory, say=say)
        size = shown(written.manifest.file_size)
        took = f"{time.monotonic() - began:.1f} s"
        say(f"{written.folder}: {written.manifest.documents} documents in {size}, took {took}")
        if keep is not None:
            for gone in self.dump.forget_old(directory, keep=keep, newest=written):
                say(f"{gone}: removed")
        return written

    async def restore_backup(self, path: Path, *, how: How, start: Callable[[], Awaitable[None]], say: Say) -> Verdict:
        """Bring a backup back, let the processor's lists be swept from its moment on, and check everything.

        Args:
            path: a backup, or a directory of which the newest whole one is taken.
            how: what to do about what is there.
            start: makes what this version needs beyond the backup's: indexes, migrations.
            say: hears how far it is.

        Raises:
            RestoreRefused, BackupUnusable: the database is as it was.
        """
        began = time.monotonic()
        folder, manifest = await self.restoring.examine(path, say=say)
        if not self.restoring.opens(manifest):
            warning = "The secrets in this backup were sealed with another SECRET_KEY, and do not open with this one."
            if not how.any_key:
                message = f"{warning} Set the one of its time, or go on without them with --any-key."
                raise RestoreRefused(message)
            say(warning)
        if not how.replace:
            await self.restoring.refuse_occupied()
        without = frozenset({SESSIONS} if how.end_sessions else ())
        await self.restoring.bring_back(folder, manifest, without=without, say=say)
        await start()
        lists = await self.lists.rewind(known_until=manifest.taken_at - _SLACK)
        say(f"restored in {time.monotonic() - began:.1f} s; {lists} lists of the processor will be swept for the rest")
        return await self.checks.look(known_until=manifest.taken_at, say=say)
