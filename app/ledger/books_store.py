"""Every query of the books: their heads, their days, and how far each was checked."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from bson.int64 import Int64
from pymongo import ReturnDocument, UpdateOne
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import DuplicateKeyError

from app.database import BY_MERCHANT, Collection, Database, Document, Index, Session, known_to
from app.kit.scope import Mode, Scope
from app.ledger.balances import Balances, Turnover, differences, fold
from app.ledger.chain import Break, Flaw, Head
from app.ledger.models import Posting
from app.ledger.store import in_scope

_BOOKS = "ledger_books"
_DAYS = "ledger_days"
_CHECKS = "ledger_checks"
_CLAIM_SECONDS = 60
BREAKS_MAX = 100


def _sum_of_currency(side: str) -> Document:
    accounts = {"$objectToArray": "$$currency.v"}
    return {"$sum": {"$map": {"input": accounts, "as": "account", "in": f"$$account.v.{side}"}}}


_NUMBERS = {
    "bsonType": "object",
    "additionalProperties": False,
    "properties": {side: {"bsonType": "long", "minimum": 0} for side in ("debit", "credit")},
}
_BOOK_VALIDATOR: Mapping[str, Any] = {
    "$and": [
        {
            "$jsonSchema": {
                "required": ["tenant", "mode", "sequence", "digest", "balances"],
                "properties": {
                    "sequence": {"bsonType": "long", "minimum": 0},
                    "digest": {"bsonType": "string", "minLength": 64, "maxLength": 64},
                    "balances": {
                        "bsonType": "object",
                        "additionalProperties": {"bsonType": "object", "additionalProperties": _NUMBERS},
                    },
                },
            }
        },
        {
            "$expr": {
                "$allElementsTrue": {
                    "$map": {
                        "input": {"$objectToArray": "$balances"},
                        "as": "currency",
                        "in": {"$eq": [_sum_of_currency("debit"), _sum_of_currency("credit")]},
                    }
                }
            }
        },
    ]
}
"""Stored balances come to zero in every currency, or are not stored (I4)."""

COLLECTIONS = (
    Collection(_BOOKS, (Index("tenant_book", [("tenant", 1), ("mode", 1)], unique=True),), validator=_BOOK_VALIDATOR),
    Collection(_DAYS, (Index("tenant_day", [("tenant", 1), ("mode", 1), ("day", 1)]),), shard_key=BY_MERCHANT),
    Collection(
        _CHECKS,
        (
            Index("tenant_check", [("tenant", 1), ("mode", 1)], unique=True),
            Index("due", [("due_at", 1)]),
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class Round:
    """One walk through a whole book in pieces: along the chain to its end, then day by day.

    Attributes:
        scope: whose book.
        fence: grows with every claim: a late holder's writes match nothing (P3).
        reached: how far along the chain, with the fold of everything up to there.
        breaks: what was found wrong until now.
        day: the last day that was compared; None while still on the chain.
        started_at: when the walk began.
    """

    scope: Scope
    fence: int
    reached: Head = field(default_factory=Head)
    breaks: tuple[Break, ...] = ()
    day: str | None = None
    started_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """How the last whole walk through a book ended."""

    completed_at: datetime
    sequence: int
    breaks: tuple[Break, ...]


@dataclass(frozen=True, slots=True)
class BookStore:
    """Reads and writes what stands beside the entries."""

    database: Database

    async def open_book(self, scope: Scope, *, at: datetime) -> Head:
        """Return where a book ends; a book that is not there begins here."""
        head = await self.find_head(scope)
        if head is not None:
            return head
        # The check first: a book without one would never be looked at.
        check = {"due_at": at, "fence": 0, "last": None, **_beginning_of_round()}
        for collection, row in ((self._checks, check), (self._books, _head_to_document(Head()))):
            with suppress(DuplicateKeyError):  # another worker opens it too
                await collection.insert_one({**_book(scope), **row})
        return Head()

    async def find_head(self, scope: Scope, *, session: Session | None = None) -> Head | None:
        """Return where a book ends, with its stored balances."""
        found = await self._books.find_one(_book(scope), session=session)
        return None if found is None else _head_from_document(found)

    async def advance(self, scope: Scope, head: Head, after: Head, *, session: Session) -> bool:
        """Move the end of a book and its balances, if it still ends where the caller saw it; tell whether it moved."""
        added = {
            f"balances.{currency}.{account}.{side}": Int64(amount)
            for (currency, account), grown in _growth(head.balances, after.balances).items()
            for side, amount in (("debit", grown.debit), ("credit", grown.credit))
            if amount
        }
        result = await self._books.update_one(
            {**_book(scope), "sequence": head.sequence, "digest": head.digest},
            {"$set": {"sequence": Int64(after.sequence), "digest": after.digest}, "$inc": added},
            session=session,
        )
        return result.modified_count == 1

    async def add_days(self, scope: Scope, postings: Iterable[tuple[datetime, Posting]], *, session: Session) -> None:
        """Add what was booked to the days on which it was."""
        by_day: dict[str, list[Posting]] = {}
        for moment, posting in postings:
            by_day.setdefault(day_of(moment), []).append(posting)
        changes = [
            UpdateOne(
                {"_id": f"{_book(scope)['_id']}:{day}:{currency}:{account}", **in_scope(scope)},
                {
                    "$setOnInsert": {"day": day, "currency": currency, "account": account},
                    "$inc": {"debit": Int64(turnover.debit), "credit": Int64(turnover.credit)},
                },
                upsert=True,
            )
            for day, booked in sorted(by_day.items())
            for (currency, account), turnover in sorted(fold(booked).items())
        ]
        await self._days.bulk_write(changes, session=session)

    async def sum_days(
        self, scope: Scope, *, session: Session, before: str | None = None, day: str | None = None
    ) -> Balances:
        """Return what the stored days come to: all, those before a day, or one."""
        where: Document = dict(in_scope(scope))
        if before is not None:
            where["day"] = {"$lt": before}
        if day is not None:
            where["day"] = day
        group = {
            "_id": {"currency": "$currency", "account": "$account"},
            "debit": {"$sum": "$debit"},
            "credit": {"$sum": "$credit"},
        }
        rows = await self._days.aggregate([{"$match": where}, {"$group": group}], session=session)
        return {(row["_id"]["currency"], row["_id"]["account"]): _turnover(row) async for row in rows}

    async def find_next_day(self, scope: Scope, *, after: str) -> str | None:
        """Return the first stored day behind another."""
        found = await self._days.find_one({**in_scope(scope), "day": {"$gt": after}}, {"day": 1}, sort=[("day", 1)])
        return None if found is None else found["day"]

    async def claim_due_check(self, *, at: datetime) -> Round | None:
        """Take the check that has been due longest; whoever takes it and dies gives it back after a minute."""
        found = await self._checks.find_one_and_update(
            {"due_at": {"$lte": at}},
            {"$set": {"due_at": at + timedelta(seconds=_CLAIM_SECONDS)}, "$inc": {"fence": 1}},
            sort=[("due_at", 1)],
            return_document=ReturnDocument.AFTER,
        )
        if found is None:
            return None
        return Round(
            scope=Scope(found["tenant"], Mode(found["mode"])),
            fence=found["fence"],
            reached=_head_from_document(found),
            breaks=_breaks_from_documents(found["breaks"]),
            day=found["day"],
            started_at=found["started_at"],
        )

    async def save_round(self, scope: Scope, walked: Round, *, due_at: datetime) -> bool:
        """Keep how far a walk got; tell whether it was still the caller's."""
        changes = {
            **_head_to_document(walked.reached),
            "breaks": _breaks_to_documents(walked.breaks),
            "day": walked.day,
            "started_at": walked.started_at,
        }
        return await self._keep(scope, walked, {**changes, "due_at": due_at})

    async def finish_round(self, scope: Scope, walked: Round, verdict: Verdict, *, due_at: datetime) -> bool:
        """Keep how a walk ended, and begin the next one at a later moment; tell whether it was still the caller's."""
        last = {
            "completed_at": verdict.completed_at,
            "sequence": Int64(verdict.sequence),
            "breaks": _breaks_to_documents(verdict.breaks),
        }
        return await self._keep(scope, walked, {**_beginning_of_round(), "last": last, "due_at": due_at})

    async def find_verdict(self, scope: Scope) -> Verdict | None:
        """Return how the last whole walk through a book ended."""
        found = await self._checks.find_one(_book(scope), {"last": 1})
        return None if found is None else _verdict(found)

    async def measure_verdicts(self, *, after: str, limit: int) -> list[tuple[Scope, Verdict | None]]:
        """Return how the last whole walks ended, of whichever merchant, in the order of `tenant:mode`, behind one."""
        tenant, _, mode = after.partition(":")
        behind = {"$or": [{"tenant": tenant, "mode": {"$gt": mode}}, {"tenant": {"$gt": tenant}}]}
        rows = self._checks.find(behind, {"tenant": 1, "mode": 1, "last": 1}).sort([("tenant", 1), ("mode", 1)])
        return [(Scope(row["tenant"], Mode(row["mode"])), _verdict(row)) async for row in rows.limit(limit)]

    async def measure_breaks(self) -> int:
        """Return how many flaws the last whole walks through all books found."""
        pipeline: list[Document] = [
            {"$match": {"last.breaks.0": {"$exists": True}}},
            {"$group": {"_id": None, "count": {"$sum": {"$size": "$last.breaks"}}}},
        ]
        rows = await (await self._checks.aggregate(pipeline)).to_list()
        return int(rows[0]["count"]) if rows else 0

    async def _keep(self, scope: Scope, walked: Round, changes: Document) -> bool:
        result = await self._checks.update_one({**_book(scope), "fence": walked.fence}, {"$set": changes})
        return result.matched_count == 1

    @property
    def _books(self) -> AsyncCollection[Document]:
        return self.database.collection(_BOOKS)

    @property
    def _days(self) -> AsyncCollection[Document]:
        return self.database.collection(_DAYS)

    @property
    def _checks(self) -> AsyncCollection[Document]:
        return self.database.collection(_CHECKS)


def day_of(moment: datetime) -> str:
    """Return the day of a moment, in UTC."""
    return moment.astimezone(UTC).date().isoformat()


def _book(scope: Scope) -> Document:
    return {"_id": f"{scope.tenant}:{scope.mode.value}", **in_scope(scope)}


def _growth(before: Balances, after: Balances) -> Balances:
    return {
        line: Turnover(new.debit - old.debit, new.credit - old.credit)
        for line, (old, new) in differences(before, after).items()
    }


def _beginning_of_round() -> Document:
    return {**_head_to_document(Head()), "breaks": [], "day": None, "started_at": None}


def _head_to_document(head: Head) -> Document:
    balances: dict[str, dict[str, Document]] = {}
    for (currency, account), turnover in head.balances.items():
        sides = {"debit": Int64(turnover.debit), "credit": Int64(turnover.credit)}
        balances.setdefault(currency, {})[account] = sides
    return {"sequence": Int64(head.sequence), "digest": head.digest, "balances": balances}


def _head_from_document(document: Document) -> Head:
    balances = {
        (currency, account): _turnover(sides)
        for currency, accounts in document["balances"].items()
        for account, sides in accounts.items()
    }
    return Head(int(document["sequence"]), document["digest"], balances)


def _turnover(sides: Document) -> Turnover:
    return Turnover(int(sides.get("debit", 0)), int(sides.get("credit", 0)))


def _breaks_to_documents(breaks: Iterable[Break]) -> list[Document]:
    # A book may be broken in more places than a document holds; the first ones name the trouble.
    return [
        {"flaw": one.flaw.value, "sequence": one.sequence, "entry_id": one.entry_id, "line": one.line, "says": one.says}
        for one in islice(breaks, BREAKS_MAX)
    ]


def _breaks_from_documents(documents: Iterable[Document]) -> tuple[Break, ...]:
    return tuple(Break(**{**known_to(Break, one), "flaw": Flaw(one["flaw"])}) for one in documents)


def _verdict(row: Document) -> Verdict | None:
    last = row["last"]
    if not last:
        return None
    return Verdict(last["completed_at"], int(last["sequence"]), _breaks_from_documents(last["breaks"]))
