"""Entries as a table of comma-separated values: one row for each leg. Pure."""

import csv
import io
from collections.abc import Iterable

from app.kit.clock import to_rfc3339
from app.ledger.models import Entry

COLUMNS = (
    "entry_id",
    "recorded_at",
    "cause",
    "cause_id",
    "payment_id",
    "currency",
    "account",
    "side",
    "amount",
    "sequence",
    "digest",
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def header() -> str:
    """Return the first line."""
    return _lines([COLUMNS])


def rows_of(entries: Iterable[Entry]) -> str:
    """Return the lines of some entries."""
    return _lines(
        (
            entry.id,
            to_rfc3339(entry.recorded_at),
            entry.posting.cause.kind.value,
            _harmless(entry.posting.cause.id),
            entry.posting.payment_id or "",
            entry.posting.currency,
            leg.account.value,
            leg.side.value,
            leg.amount,
            entry.seal.sequence if entry.seal else "",
            entry.seal.digest if entry.seal else "",
        )
        for entry in entries
        for leg in entry.posting.legs
    )


def _harmless(text: str) -> str:
    """Return a word of the processor's so that no spreadsheet takes it for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def _lines(rows: Iterable[Iterable[object]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()
