"""Unique keys of the database in memory, and what the server says when one is taken or somebody was faster."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pymongo.errors import DuplicateKeyError, OperationFailure

from app.database import Index
from tests.simulation.documents import matches
from tests.simulation.expressions import ABSENT, Document, field_of

_WRITE_CONFLICT = 112


@dataclass(slots=True)
class UniqueIndex:
    """What may exist once, with who has it."""

    declared: Index
    held: dict[tuple[Any, ...], Any] = field(default_factory=dict)
    _paths: tuple[tuple[str, ...], ...] = ()
    _texts: tuple[tuple[str, ...], ...] | None = None

    def __post_init__(self) -> None:
        self._paths = tuple(tuple(name.split(".")) for name, _ in self.declared.keys)
        partial = self.declared.partial or {}
        if all(wanted == {"$type": "string"} for wanted in partial.values()):
            self._texts = tuple(tuple(name.split(".")) for name in partial)

    def key_of(self, document: Document | None, now: datetime) -> tuple[Any, ...] | None:
        """Return what the document occupies, None when the index leaves it out."""
        if document is None:
            return None
        if self._texts is None:
            if not matches(document, self.declared.partial or {}, now=now):
                return None
        elif any(not isinstance(field_of(document, path), str) for path in self._texts):
            return None
        found = (field_of(document, path) for path in self._paths)
        return tuple(None if value is ABSENT else value for value in found)


def duplicate(index: Index) -> DuplicateKeyError:
    """Return the server's complaint about a twin."""
    message = f"duplicate key in {index.name}"
    return DuplicateKeyError(message, 11000, {"keyPattern": dict(index.keys), "code": 11000})


def conflict() -> OperationFailure:
    """Return the server's refusal of whoever was second."""
    error = OperationFailure("WriteConflict", _WRITE_CONFLICT)
    error._add_error_label("TransientTransactionError")
    return error
