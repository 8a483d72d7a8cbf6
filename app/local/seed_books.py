"""The books of made-up payments: what the product would have booked and sealed, written in bulk."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Self

from app.database import Document, Session
from app.kit.ids import Prefix, first_id
from app.kit.scope import Scope
from app.ledger.chain import Head, Plan, plan_seals
from app.ledger.documents import entry_to_document, seal_to_document
from app.ledger.models import Entry, Posting
from app.payments.documents import payment_from_document
from app.payments.postings import postings as postings_of_payment
from app.refunds.documents import refund_from_document
from app.refunds.postings import postings as postings_of_refund
from app.wiring import Wiring

_ENTRIES = "ledger_entries"
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


class BookMoved(RuntimeError):
    """Somebody else sealed in the same book meanwhile: fill a database that nobody works on."""


@dataclass(slots=True)
class MadeUpBooks:
    """One merchant's book, to which entries are added that carry their seals already."""

    wiring: Wiring
    scope: Scope
    head: Head
    rng: random.Random

    @classmethod
    async def opened(cls, wiring: Wiring, scope: Scope, *, seed: int) -> Self:
        """Return the book from its present end on, sealed."""
        while await wiring.ledger.seal_next():
            pass
        head = await wiring.ledger.books.open_book(scope, at=wiring.clock.now())
        return cls(wiring, scope, head, random.Random(f"books {seed}"))  # noqa: S311  the same book each time

    async def book(self, payments: Sequence[Document], refunds: Sequence[Document]) -> None:
        """Add what these payments and refunds cause, and move the book's end and its balances. Raises BookMoved."""
        entries = [entry_to_document(entry) for entry in self._entries(payments, refunds)]
        if not entries:
            return
        plan = plan_seals(self.head, entries)
        sealed = [{**entry, "seal": seal_to_document(plan.seals[entry["_id"]])} for entry in entries]
        await self.wiring.database.collection(_ENTRIES).insert_many(sealed, ordered=False)
        await self.wiring.database.transaction(lambda session: self._move(plan, session))
        self.head = plan.head

    async def _move(self, plan: Plan, session: Session) -> None:
        books = self.wiring.ledger.books
        if not await books.advance(self.scope, self.head, plan.head, session=session):
            raise BookMoved
        await books.add_days(self.scope, plan.postings, session=session)

    def _entries(self, payments: Sequence[Document], refunds: Sequence[Document]) -> Iterator[Entry]:
        for document in payments:
            payment = payment_from_document(document)
            yield from self._booked(postings_of_payment(replace(payment, attempts=()), payment), payment.updated_at)
        for document in refunds:
            refund = refund_from_document(document)
            yield from self._booked(postings_of_refund(None, refund), refund.updated_at)

    def _booked(self, postings: Sequence[Posting], at: datetime) -> Iterator[Entry]:
        for posting in postings:
            yield Entry(made_up_id(self.rng, Prefix.LEDGER_ENTRY, at), self.scope, posting, at)


def made_up_id(rng: random.Random, prefix: Prefix, at: datetime) -> str:
    """Return an id born at a moment: the first ten letters after the prefix are the time."""
    head = first_id(prefix, at)[: len(prefix) + 11]
    number = rng.getrandbits(80)
    return head + "".join(_ALPHABET[number >> shift & 31] for shift in range(75, -1, -5))
