"""Writing a backup: every collection as it was at one moment, streamed to files, renamed when it is whole."""

import asyncio
import contextlib
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

from bson.timestamp import Timestamp
from pymongo.errors import OperationFailure, PyMongoError

from app.backups import files
from app.backups.manifest import (
    LEFT_OUT,
    MANIFEST,
    PARTIAL,
    PREFIX,
    SPECIAL,
    BackupUnusable,
    Manifest,
    Part,
    dumped,
    file_of,
    read_manifest,
    whole_backups,
)
from app.database import Database, Session
from app.kit.clock import Clock
from app.tenants.vault import Vault

CANARY_PURPOSE = "backup:canary"
CANARY = "this backup's secrets open"
_SNAPSHOT_GONE = frozenset({239, 246})  # SnapshotTooOld, SnapshotUnavailable
_NO_TRANSACTIONS = frozenset({20, 72, 123})  # what a mongod without a replica set says
_WINDOW = "minSnapshotHistoryWindowInSeconds"
_USUAL_WINDOW_SECONDS = 300
_BROKEN_OFF_AFTER = timedelta(days=1)
_SAY_EVERY_SECONDS = 5.0

Say = Callable[[str], object]


class BackupFailed(Exception):
    """No backup was written; the message is a sentence for people."""


@dataclass(frozen=True, slots=True)
class Written:
    """A whole backup: where it is, and what it says of itself."""

    folder: Path
    manifest: Manifest


@dataclass(frozen=True, slots=True)
class Dump:
    """Writes backups of a database.

    Attributes:
        database: what is saved.
        vault: seals the canary.
        clock: names the folder.
        version: of the product.
    """

    database: Database
    vault: Vault
    clock: Clock
    version: str

    async def write(self, directory: Path, *, say: Say) -> Written:
        """Write a backup into a new folder of the directory.

        Raises:
            BackupFailed: nothing whole was written.
            PyMongoError: the database did not answer.
        """
        folder = directory / f"{PREFIX}{self.clock.now():%Y%m%dT%H%M%S.%f}"[:-3]
        partial = folder.with_name(f"{folder.name}{PARTIAL}")
        try:
            await asyncio.to_thread(_make, partial)
            try:
                manifest = await self._write_parts(partial, say=say)
                await asyncio.to_thread(_finish, partial, folder, manifest)
            except BaseException:
                shutil.rmtree(partial, ignore_errors=True)
                raise
        except OSError as error:
            message = f"The files can't be written ({error.strerror or type(error).__name__}): {error.filename or ''}"
            raise BackupFailed(message) from None
        return Written(folder, manifest)

    def forget_old(self, directory: Path, *, keep: int, newest: Written) -> list[Path]:
        """Remove whole backups of this database beyond the newest ones, and what broke off long ago; return which."""
        ours = [folder for folder in whole_backups(directory) if _is_of(folder, newest.manifest.database)]
        oldest = f"{PREFIX}{self.clock.now() - _BROKEN_OFF_AFTER:%Y%m%dT%H%M%S}"
        broken = [folder for folder in sorted(directory.glob(f"{PREFIX}*{PARTIAL}")) if folder.name < oldest]
        gone = [*ours[: max(0, len(ours) - keep)], *broken]
        for folder in gone:
            # Without its manifest it is no backup any more, wherever the removal stops.
            (folder / MANIFEST).unlink(missing_ok=True)
            shutil.rmtree(folder)
        return gone

    async def _write_parts(self, partial: Path, *, say: Say) -> Manifest:
        parts = await self._declared()
        if not parts:
            message = f"The database {self.database.name} is empty: there is nothing to save."
            raise BackupFailed(message)
        try:
            async with self.database.client.start_session(snapshot=True) as session:
                written = [await self._write_part(partial, part, session, say=say) for part in parts]
                cluster_time = _moment_of(session)
        except OperationFailure as error:
            raise await self._explained(error) from None
        return Manifest(
            version=self.version,
            database=self.database.name,
            cluster_time=cluster_time,
            taken_at=cluster_time.as_datetime(),
            canary=self.vault.seal(CANARY, purpose=CANARY_PURPOSE),
            parts=tuple(written),
        )

    async def _declared(self) -> list[Part]:
        """Return the collections with their options and indexes, before the moment that is saved."""
        listed = [found async for found in await self.database.db.list_collections()]
        parts = []
        for found in sorted(listed, key=lambda one: one["name"]):
            name = found["name"]
            if found.get("type") != "collection" or name.startswith("system."):
                continue
            rows = await self.database.collection(name).list_indexes()
            indexes = [dict(row) async for row in rows if row["name"] != "_id_"]
            remark = LEFT_OUT.get(name) or SPECIAL.get(name, "")
            parts.append(Part(name=name, options=found["options"], indexes=tuple(indexes), remark=remark))
        return parts

    async def _write_part(self, partial: Path, part: Part, session: Session, *, say: Say) -> Part:
        if part.name in LEFT_OUT:
            return part
        began = said = time.monotonic()
        file = file_of(part.name)
        with files.CollectionWriter(partial / file) as writer:
            async for batch in self.database.collection(part.name).find_raw_batches({}, session=session):
                await asyncio.to_thread(writer.write, cast("bytes", batch))
                if time.monotonic() - said > _SAY_EVERY_SECONDS:
                    said = time.monotonic()
                    say(f"{part.name}: {writer.documents} documents so far")
        if writer.documents:
            seconds = time.monotonic() - began
            say(f"{part.name}: {writer.documents} documents, {shown(writer.file_size)} in {seconds:.1f} s")
        return replace(
            part,
            documents=writer.documents,
            size=writer.size,
            file=file,
            file_size=writer.file_size,
            sha256=writer.sha256,
        )

    async def _explained(self, error: OperationFailure) -> Exception:
        """Return what a person is told of the database's refusal."""
        if error.code in _SNAPSHOT_GONE:
            return BackupFailed(
                f"The backup took longer than the database keeps its past ({await self._window_seconds()} s), or a "
                f"collection was changed meanwhile. Nothing was saved. Raise the window on every member, for example "
                f"with --setParameter {_WINDOW}=1800, and try again."
            )
        if error.code in _NO_TRANSACTIONS:
            return BackupFailed("The database is no replica set, so it can't show one moment of all collections.")
        return error

    async def _window_seconds(self) -> int:
        reply: Mapping[str, Any] = {}
        # Not every user of the database may ask for its parameters.
        with contextlib.suppress(PyMongoError):
            reply = await self.database.client.admin.command({"getParameter": 1, _WINDOW: 1})
        return int(reply.get(_WINDOW, _USUAL_WINDOW_SECONDS))


def _moment_of(session: Session) -> Timestamp:
    """Return the moment that a snapshot session reads at; the driver has no public word for it."""
    return cast("Timestamp", session._snapshot_time)  # noqa: SLF001  see above


def shown(size: int) -> str:
    """Return a number of bytes for people."""
    return f"{size / 1_000_000:.1f} MB" if size >= 100_000 else f"{size / 1000:.1f} kB"


def _make(partial: Path) -> None:
    partial.parent.mkdir(parents=True, exist_ok=True)
    partial.mkdir(mode=0o700)


def _finish(partial: Path, folder: Path, manifest: Manifest) -> None:
    """Write the manifest, and let the folder have its name only when everything is on the disk."""
    with files.create(partial / MANIFEST) as file:
        file.write(dumped(manifest).encode())
    files.sync(partial / MANIFEST)
    files.sync(partial)
    partial.rename(folder)
    files.sync(folder.parent)


def _is_of(folder: Path, database: str) -> bool:
    with contextlib.suppress(BackupUnusable):
        return read_manifest(folder).database == database
    return False
