"""A collection's documents in one compressed file: BSON after BSON, written and read in bounded pieces.

Files are for their owner alone, and hashed as they lie on the disk, so that a check need not unpack them.
"""

import gzip
import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Self

from bson.raw_bson import RawBSONDocument

from app.backups.manifest import BackupUnusable, Part

_LEVEL = 1
"""The database keeps its past for minutes only, so that speed counts for more than the last tenth of the size."""
_READ_BYTES = 1024 * 1024
_LENGTH_BYTES = 4
_LEAST_DOCUMENT = 5
_MOST_DOCUMENT = 17 * 1024 * 1024
BATCH_DOCUMENTS = 1000
BATCH_BYTES = 4 * 1024 * 1024


def create(path: Path) -> BinaryIO:
    """Return a new file that nobody else may read."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def sync(path: Path) -> None:
    """Bring a file or a folder to the disk."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


class _Hashed:
    """A file that is hashed and counted while it is written."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.digest = hashlib.sha256()
        self.size = 0

    def write(self, piece: bytes) -> int:
        """Write it."""
        self.digest.update(piece)
        self.size += len(piece)
        return self.file.write(piece)

    def flush(self) -> None:
        """Hand everything to the system."""
        self.file.flush()


@dataclass(slots=True)
class CollectionWriter:
    """Writes one collection's documents. Use it as a context manager."""

    path: Path
    documents: int = 0
    size: int = 0
    _hashed: _Hashed = field(init=False)
    _packed: gzip.GzipFile = field(init=False)

    def __enter__(self) -> Self:
        """Make the file."""
        self._hashed = _Hashed(create(self.path))
        self._packed = gzip.GzipFile(filename="", mode="wb", fileobj=self._hashed, compresslevel=_LEVEL, mtime=0)
        return self

    def __exit__(self, *_: object) -> None:
        """Bring everything to the disk."""
        self._packed.close()
        self._hashed.file.flush()
        os.fsync(self._hashed.file.fileno())
        self._hashed.file.close()

    def write(self, batch: bytes) -> None:
        """Write documents that stand one behind the other."""
        self._packed.write(batch)
        self.documents += sum(1 for _ in _lengths(batch))
        self.size += len(batch)

    @property
    def sha256(self) -> str:
        """Return the digest of the file, once it is closed."""
        return self._hashed.digest.hexdigest()

    @property
    def file_size(self) -> int:
        """Return the bytes of the file, once it is closed."""
        return self._hashed.size


def verify(folder: Path, part: Part) -> None:
    """Compare a part's file with what the manifest says of it. Raises BackupUnusable."""
    if part.file is None:
        return
    path = folder / part.file
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        message = f"{path} can't be read."
        raise BackupUnusable(message) from None
    if path.stat().st_size != part.file_size or found.encode() != part.sha256.encode():
        message = f"{path} is not what was written: its SHA-256 differs from the manifest's."
        raise BackupUnusable(message)


def batches(path: Path) -> Iterator[list[RawBSONDocument]]:
    """Yield a file's documents in batches that are bounded in number and in bytes. Raises BackupUnusable."""
    with gzip.open(path, "rb") as file:
        batch: list[RawBSONDocument] = []
        taken = 0
        while document := _next(file, path):
            batch.append(RawBSONDocument(document))
            taken += len(document)
            if len(batch) == BATCH_DOCUMENTS or taken >= BATCH_BYTES:
                yield batch
                batch, taken = [], 0
        if batch:
            yield batch


def _next(file: gzip.GzipFile, path: Path) -> bytes:
    """Return the next document, or nothing at the end."""
    head = file.read(_LENGTH_BYTES)
    if not head:
        return b""
    length = int.from_bytes(head, "little")
    if not _LEAST_DOCUMENT <= length <= _MOST_DOCUMENT:
        message = f"{path} holds something else than documents."
        raise BackupUnusable(message)
    document = head + file.read(length - _LENGTH_BYTES)
    if len(document) != length:
        message = f"{path} ends within a document."
        raise BackupUnusable(message)
    return document


def _lengths(batch: bytes) -> Iterator[int]:
    at = 0
    while at < len(batch):
        length = int.from_bytes(batch[at : at + _LENGTH_BYTES], "little")
        yield length
        at += length
