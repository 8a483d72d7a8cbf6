"""What a backup says of itself: `manifest.json` beside one file per collection."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from bson import json_util
from bson.timestamp import Timestamp

from app.database import Document
from app.kit.clock import to_rfc3339

FORMAT = 1
MANIFEST = "manifest.json"
PREFIX = "backup-"
PARTIAL = ".partial"

LEFT_OUT: Mapping[str, str] = {
    "heartbeats": "signs of life of processes; those that run write new ones",
    "leases": "who leads a schedule; a leader is found at once",
    "sign_in_attempts": "counts of the last minutes",
}
"""Collections whose documents mean nothing after a restore, with the reason; they are made anew, empty."""

SPECIAL: Mapping[str, str] = {
    "sweeps": "wound back to the moment of the backup, so that what happened at the processor since is found",
    "sessions": "people stay signed in, unless the restore is told to end all sessions",
    "outbox": "a lease that somebody held runs out by itself, and the work is done again without a second effect",
    "inbox_events": "a lease that somebody held runs out by itself, and the event is applied again without effect",
    "idempotency_keys": "keys of the time after the backup are unknown",
}
"""What is kept, but does not simply go on where it was."""


class BackupUnusable(Exception):
    """A folder that is no whole backup of a kind that we read; the message is a sentence for people."""


@dataclass(frozen=True, slots=True)
class Part:
    """One collection of a backup.

    Attributes:
        name: of the collection.
        options: as MongoDB lists them: the validator, capped and the like.
        indexes: as MongoDB lists them, without the one of `_id`.
        documents: how many there are.
        size: their bytes of BSON.
        file: the name of the compressed file; None when the documents are left out.
        file_size: its bytes.
        sha256: its digest.
        remark: why it is left out, or what becomes of it in a restore.
    """

    name: str
    options: Document
    indexes: tuple[Document, ...]
    documents: int = 0
    size: int = 0
    file: str | None = None
    file_size: int = 0
    sha256: str = ""
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Manifest:
    """A backup as a whole.

    Attributes:
        version: of the product that wrote it.
        database: the name of the database.
        cluster_time: the moment of all of it, by the database's own count.
        taken_at: that moment for people.
        canary: a text that was sealed with SECRET_KEY: with another key, the secrets in here can't be opened.
        parts: the collections, by name.
    """

    version: str
    database: str
    cluster_time: Timestamp
    taken_at: datetime
    canary: str
    parts: tuple[Part, ...]

    @property
    def documents(self) -> int:
        """Return how many documents there are."""
        return sum(part.documents for part in self.parts)

    @property
    def file_size(self) -> int:
        """Return the bytes of all files."""
        return sum(part.file_size for part in self.parts)


def file_of(collection: str) -> str:
    """Return the name of a collection's file."""
    return f"{quote(collection, safe='')}.bson.gz"


def dumped(manifest: Manifest) -> str:
    """Return the manifest as it is written."""
    body = {
        "format": FORMAT,
        "version": manifest.version,
        "database": manifest.database,
        "cluster_time": {"t": manifest.cluster_time.time, "i": manifest.cluster_time.inc},
        "taken_at": to_rfc3339(manifest.taken_at),
        "canary": manifest.canary,
        "secret_key": "not in this backup: the sealed secrets in it open with the SECRET_KEY of its time alone",
        "collections": [_part_to_json(part) for part in manifest.parts],
    }
    return json.dumps(body, indent=2) + "\n"


def read_manifest(folder: Path) -> Manifest:
    """Return the manifest of a backup. Raises BackupUnusable."""
    file = folder / MANIFEST
    if folder.name.endswith(PARTIAL):
        message = f"{folder} is a backup that broke off."
        raise BackupUnusable(message)
    try:
        body = json.loads(file.read_text(encoding="utf-8"))
    except OSError:
        message = f"There is no backup in {folder}: it has no {MANIFEST}."
        raise BackupUnusable(message) from None
    except ValueError:
        message = f"{file} can't be read."
        raise BackupUnusable(message) from None
    if not isinstance(body, dict) or body.get("format") != FORMAT:
        message = f"{file} has another format than {FORMAT}, which is the one that this version reads."
        raise BackupUnusable(message)
    try:
        return Manifest(
            version=body["version"],
            database=body["database"],
            cluster_time=Timestamp(body["cluster_time"]["t"], body["cluster_time"]["i"]),
            taken_at=datetime.fromisoformat(body["taken_at"]),
            canary=body["canary"],
            parts=tuple(_part_from_json(part) for part in body["collections"]),
        )
    except (KeyError, TypeError, ValueError):
        message = f"{file} is incomplete."
        raise BackupUnusable(message) from None


def find_backup(path: Path) -> Path:
    """Return the folder of a backup: the path itself, that of its manifest, or the newest whole one within the path.

    Raises:
        BackupUnusable: there is none.
    """
    folder = path.parent if path.name == MANIFEST else path
    if (folder / MANIFEST).is_file() or folder.name.endswith(PARTIAL):
        return folder
    whole = whole_backups(folder)
    if not whole:
        message = f"There is no backup in {folder}."
        raise BackupUnusable(message)
    return whole[-1]


def whole_backups(directory: Path) -> list[Path]:
    """Return the whole backups in a directory, oldest first: their names begin with the moment."""
    found = sorted(directory.glob(f"{PREFIX}*/{MANIFEST}")) if directory.is_dir() else []
    return [file.parent for file in found if not file.parent.name.endswith(PARTIAL)]


def _part_to_json(part: Part) -> dict[str, Any]:
    return {
        "name": part.name,
        "documents": part.documents,
        "bytes": part.size,
        "file": part.file,
        "file_bytes": part.file_size,
        "sha256": part.sha256,
        "remark": part.remark,
        # MongoDB's own types survive in its canonical form of JSON only.
        "options": _extended(part.options),
        "indexes": _extended(list(part.indexes)),
    }


def _part_from_json(body: Mapping[str, Any]) -> Part:
    file = body["file"]
    if file is not None and file != file_of(body["name"]):
        message = "a collection's file has another name than the collection"
        raise ValueError(message)
    return Part(
        name=body["name"],
        options=json_util.loads(json.dumps(body["options"])),
        indexes=tuple(json_util.loads(json.dumps(body["indexes"]))),
        documents=body["documents"],
        size=body["bytes"],
        file=file,
        file_size=body["file_bytes"],
        sha256=body["sha256"],
        remark=body["remark"],
    )


def _extended(value: Any) -> Any:
    return json.loads(json_util.dumps(value, json_options=json_util.CANONICAL_JSON_OPTIONS))
