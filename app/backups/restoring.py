"""Bringing a backup back: into collections beside, compared with the manifest, and put in place all at the end.

Until then the database is as it was, and a restore that breaks off leaves nothing that could be taken for the whole.
"""

import asyncio
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bson.raw_bson import RawBSONDocument
from pymongo.write_concern import WriteConcern

from app.backups import files
from app.backups.dump import CANARY, CANARY_PURPOSE, Say, shown
from app.backups.manifest import LEFT_OUT, BackupUnusable, Manifest, Part, find_backup, read_manifest
from app.database import Database, Document, unhurried
from app.tenants.vault import SealBroken, Vault

BESIDE = "restoring."
_INDEX_SECONDS = 6 * 3600.0
_INSERT = WriteConcern(w="majority", j=True, wtimeout=60_000)
_OF_ANY_START = frozenset({*LEFT_OUT, "migrations", "invariant_rounds"})
"""Collections that a process of ours fills as soon as it starts on an empty database."""


class RestoreRefused(Exception):
    """The database was left as it was; the message is a sentence for people."""


@dataclass(frozen=True, slots=True)
class Restoring:
    """Brings backups into a database.

    Attributes:
        database: where to.
        vault: tells whether the backup's secrets will open.
    """

    database: Database
    vault: Vault

    async def examine(self, path: Path, *, say: Say) -> tuple[Path, Manifest]:
        """Find a backup and compare every file with its digest, before anything is written.

        Raises:
            BackupUnusable.
        """
        folder = find_backup(path)
        manifest = read_manifest(folder)
        for part in manifest.parts:
            await asyncio.to_thread(files.verify, folder, part)
        say(f"{folder}: {manifest.documents} documents in {shown(manifest.file_size)}, every file as it was written")
        return folder, manifest

    def opens(self, manifest: Manifest) -> bool:
        """Tell whether our SECRET_KEY, or the previous one, is that of the backup."""
        try:
            return self.vault.open(manifest.canary, purpose=CANARY_PURPOSE) == CANARY
        except SealBroken:
            return False

    async def refuse_occupied(self) -> None:
        """Raise RestoreRefused when there is anything in the database that a restore would replace."""
        for name in await self._names():
            if name in _OF_ANY_START or name.startswith(BESIDE):
                continue
            if await self.database.collection(name).find_one({}, {"_id": 1}) is not None:
                message = (
                    f"The database {self.database.name} is not empty: {name} holds documents. Nothing was changed. "
                    "Choose another with --database, or replace it with --drop."
                )
                raise RestoreRefused(message)

    async def bring_back(self, folder: Path, manifest: Manifest, *, without: frozenset[str], say: Say) -> None:
        """Write the collections beside, compare them with the manifest, and put them in the place of what is there.

        Args:
            folder: of the backup.
            manifest: of the backup.
            without: collections whose documents are not wanted.
            say: hears how far it is.

        Raises:
            BackupUnusable: a file is not what it should be; the database is as it was.
            PyMongoError: so is it then, unless everything but the last step was done.
        """
        await self._clear_beside()
        for part in manifest.parts:
            wanted = part.file is not None and part.name not in without
            await self._write_beside(folder, part, wanted=wanted, say=say)
        kept = {part.name for part in manifest.parts}
        admin = self.database.client.admin
        for part in manifest.parts:
            await admin.command(
                "renameCollection",
                f"{self.database.name}.{BESIDE}{part.name}",
                to=f"{self.database.name}.{part.name}",
                dropTarget=True,
            )
        for name in await self._names():
            if name not in kept:
                await self.database.db.drop_collection(name)

    async def _write_beside(self, folder: Path, part: Part, *, wanted: bool, say: Say) -> None:
        began = time.monotonic()
        name = f"{BESIDE}{part.name}"
        await self.database.db.command({"create": name, **part.options})
        collection = self.database.db.get_collection(name, write_concern=_INSERT)
        if wanted and part.file is not None:
            pieces = files.batches(folder / part.file)
            while batch := await asyncio.to_thread(_next_batch, pieces):
                # A document that no validator would take comes back too: the checks name it.
                await collection.insert_many(batch, ordered=False, bypass_document_validation=True)
            found = await collection.count_documents({})
            if found != part.documents:
                message = f"{part.name} has {found} documents, and the manifest says {part.documents}."
                raise BackupUnusable(message)
        if part.indexes:
            # After the documents: that is faster, and nothing expires before it was counted.
            indexes = [_index(index) for index in part.indexes]
            with unhurried(_INDEX_SECONDS):
                await self.database.db.command({"createIndexes": name, "indexes": indexes})
        if wanted and part.documents:
            say(f"{part.name}: {part.documents} documents in {time.monotonic() - began:.1f} s")

    async def _clear_beside(self) -> None:
        """Remove what a restore that broke off has left."""
        for name in await self._names():
            if name.startswith(BESIDE):
                await self.database.db.drop_collection(name)

    async def _names(self) -> list[str]:
        names = await self.database.db.list_collection_names()
        return sorted(name for name in names if not name.startswith("system."))


def _next_batch(pieces: Iterator[list[RawBSONDocument]]) -> list[RawBSONDocument]:
    try:
        return next(pieces, [])
    except (OSError, EOFError, zlib.error) as error:
        message = f"A file of the backup can't be unpacked ({type(error).__name__})."
        raise BackupUnusable(message) from None


def _index(listed: Document) -> Document:
    """Return an index as it is asked for; the namespace that old servers list with it is not part of that."""
    return {field: value for field, value in listed.items() if field != "ns"}
