"""The part of the wiring that builds the books."""

from typing import TypedDict

from app.database import Database
from app.kit.clock import Clock
from app.kit.ids import Ids
from app.ledger import books_store, store
from app.ledger.books_store import BookStore
from app.ledger.models import CauseKind
from app.ledger.service import Ledger, Readers
from app.ledger.store import EntryStore
from app.ledger.verification import BookChecks
from app.web.metrics import Metrics

LEDGER_COLLECTIONS = (*store.COLLECTIONS, *books_store.COLLECTIONS)


class LedgerParts(TypedDict):
    """What the wiring takes over of the books."""

    ledger: Ledger
    book_checks: BookChecks


def ledger_of(database: Database, reports: Database, metrics: Metrics, clock: Clock, ids: Ids) -> LedgerParts:
    """Return the books and their check. `reports` is the database as reports see it."""
    entries, books = EntryStore(database), BookStore(database)
    past = Readers(reports, EntryStore(reports), BookStore(reports))

    for kind in CauseKind:
        # An alarm looks for growth: a counter that is born with its first conflict has not grown.
        metrics.ledger.conflicts.labels(kind.value)

    def on_conflict(kind: CauseKind) -> None:
        metrics.ledger.conflicts.labels(kind.value).inc()

    ledger = Ledger(
        database=database, store=entries, books=books, past=past, clock=clock, ids=ids, on_conflict=on_conflict
    )
    return {"ledger": ledger, "book_checks": BookChecks(database=database, store=entries, books=books, clock=clock)}
