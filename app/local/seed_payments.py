"""Fills a database with payments as a shop has them, by bulk inserts, to measure pages over. Never in production.

What it writes has no events, and books only when they are asked for (`seed_books.py`): without them it is for looking
at lists and numbers, not at money.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from app.database import Document
from app.gateways.port import AttemptStatus, Failure
from app.kit.ids import Prefix
from app.kit.money import Money
from app.kit.scope import Scope
from app.local.seed_books import MadeUpBooks, made_up_id
from app.payments.documents import payment_to_document
from app.payments.models import Attempt, HistoryEntry, OrderState, Part, Payment, PaymentStatus
from app.payments.store import PAYMENTS
from app.refunds.documents import refund_to_document
from app.refunds.models import HistoryEntry as RefundFact
from app.refunds.models import Origin, Refund, RefundStatus
from app.refunds.store import REFUNDS
from app.wiring import Wiring

_BATCH = 5000
_REFUNDED_PERCENT = 3
_METHODS = (("upi", 62), ("card", 22), ("netbanking", 9), ("wallet", 5), ("emi", 2))
_STATUSES = (
    (PaymentStatus.COMPLETED, 86),
    (PaymentStatus.FAILED, 8),
    (PaymentStatus.EXPIRED, 4),
    (PaymentStatus.CANCELLED, 2),
)
_REASONS = ("payment_failed", "payment_timed_out", "insufficient_funds", "payment_cancelled", "incorrect_otp")
_AMOUNTS = (9900, 14900, 29900, 49900, 79900, 129900, 249900, 499900)
_LETTERS = "ABCDEFGHJKMNPQRSTVWXYZabcdefghjkmnpqrstvwxyz"
_DAY_SECONDS = 24 * 3600


@dataclass(frozen=True, slots=True)
class Seeding:
    """How many payments of whom, over how many days back from when."""

    scope: Scope
    count: int
    days: int
    until: datetime
    seed: int = 1
    with_books: bool = False


async def seed_payments(wiring: Wiring, asked: Seeding, *, say: Callable[[str], object]) -> None:
    """Insert the payments, oldest first, and the refunds of some of them."""
    payments, refunds = wiring.database.collection(PAYMENTS), wiring.database.collection(REFUNDS)
    books = await MadeUpBooks.opened(wiring, asked.scope, seed=asked.seed) if asked.with_books else None
    batch: list[Document] = []
    returned: list[Document] = []
    for at, (payment, refund) in enumerate(_made(asked), start=1):
        batch.append(payment)
        if refund is not None:
            returned.append(refund)
        if len(batch) < _BATCH and at < asked.count:
            continue
        await payments.insert_many(batch, ordered=False)
        if returned:
            await refunds.insert_many(returned, ordered=False)
        if books is not None:
            await books.book(batch, returned)
        batch, returned = [], []
        say(f"{at} of {asked.count} payments")


def _made(asked: Seeding) -> Iterator[tuple[Document, Document | None]]:
    rng = random.Random(asked.seed)  # noqa: S311  the same shop each time; nothing is secret
    span = asked.days * _DAY_SECONDS
    begins = asked.until - timedelta(seconds=span)
    for at in range(asked.count):
        # More in the evening than in the morning, and spread evenly over the days.
        moment = begins + timedelta(seconds=span * (at + rng.random()) / asked.count)
        yield _payment(asked, rng, moment)


def _payment(asked: Seeding, rng: random.Random, at: datetime) -> tuple[Document, Document | None]:
    money = Money(rng.choice(_AMOUNTS), "INR")
    status = _drawn(rng, _STATUSES)
    reference = f"shop-{rng.getrandbits(48):012x}"
    method = _drawn(rng, _METHODS)
    is_paid = status is PaymentStatus.COMPLETED
    attempts: list[Attempt] = []
    if status is not PaymentStatus.CANCELLED:
        failure = None if is_paid else Failure("BAD_REQUEST_ERROR", rng.choice(_REASONS), "customer", "payment")
        attempts.append(
            Attempt(
                id=f"pay_{_letters(rng)}",
                status=AttemptStatus.CAPTURED if is_paid else AttemptStatus.FAILED,
                amount=money,
                method=method,
                created_at=at + timedelta(seconds=rng.randint(5, 90)),
                part=Part.PRIMARY if is_paid else Part.UNDECIDED,
                captured=is_paid,
                fee=money.minor * 2 // 100 if is_paid else None,
                tax=money.minor * 36 // 10_000 if is_paid else None,
                failure=failure,
            )
        )
    ended = at + timedelta(seconds=rng.randint(20, 300))
    payment = Payment(
        id=made_up_id(rng, Prefix.PAYMENT, at),
        scope=asked.scope,
        money=money,
        status=status,
        order_state=OrderState.READY,
        created_at=at,
        updated_at=ended,
        expires_at=at + timedelta(days=1),
        order_id=f"order_{_letters(rng)}",
        description="An order of the shop",
        reference=reference,
        attempts=tuple(attempts),
        history=(
            HistoryEntry(at=at, event="payment.created", status=PaymentStatus.PENDING, source="api"),
            HistoryEntry(at=ended, event=f"payment.{status.value}", status=status, source="webhook"),
        ),
    )
    refund = _refund(payment, rng) if is_paid and rng.randrange(100) < _REFUNDED_PERCENT else None
    document = payment_to_document(payment) | {"natural_key": reference}
    if refund is not None:
        document |= {"refunds_reserved": refund["amount"], "amount_refunded": refund["amount"]}
    return document, refund


def _refund(payment: Payment, rng: random.Random) -> Document:
    at = payment.updated_at + timedelta(minutes=rng.randint(1, 600))
    part = payment.money.minor if rng.random() < 0.6 else payment.money.minor // 2
    refund = Refund(
        id=made_up_id(rng, Prefix.REFUND, at),
        scope=payment.scope,
        payment_id=payment.id,
        gateway_payment_id=payment.attempts[0].id,
        money=Money(part, payment.money.currency),
        status=RefundStatus.PROCESSED,
        origin=Origin.API,
        created_at=at,
        updated_at=at,
        gateway_refund_id=f"rfnd_{_letters(rng)}",
        history=(RefundFact(at=at, event="refund.created", status=RefundStatus.REQUESTED, source="api"),),
    )
    return refund_to_document(refund)


def _letters(rng: random.Random) -> str:
    # Letters alone: fourteen digits might look like a card's number.
    return "".join(rng.choices(_LETTERS, k=14))


def _drawn(rng: random.Random, weighted: tuple[tuple[Any, int], ...]) -> Any:
    values, weights = zip(*weighted, strict=True)
    return rng.choices(values, weights)[0]
