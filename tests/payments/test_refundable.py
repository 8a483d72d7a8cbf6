"""What may be given back is counted by one conditional update, on payments and in suspense (C4, C5, C9, C10, C11)."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from app.database import Database
from app.kit.money import Money
from app.kit.scope import Mode, Scope
from app.payments import store, suspense_store
from app.payments.documents import payment_to_document, suspense_to_document
from app.payments.models import (
    DisputeState,
    Payment,
    PaymentStatus,
    ReviewReason,
    ShownStatus,
    Suspense,
    SuspenseEntry,
    SuspenseState,
)
from app.payments.refundable import CountersBroken, RefundableStore, RefundableSuspenseStore
from app.payments.store import PaymentStore
from app.payments.suspense_store import SuspenseStore
from tests.payments.samples import NOW, SCOPE, payment, primary
from tests.payments.test_evidence import S

CAPTURED = 10_000
MONEY = Money(CAPTURED, "INR")
PAID = payment(money=MONEY, status=PaymentStatus.COMPLETED, attempts=(primary(S.CAPTURED, amount=MONEY),))
ENTRY = SuspenseEntry(
    id="sus_01ARZ3NDEKTSV4RRFFQ69G5FAV",
    scope=SCOPE,
    held=Suspense("pay_B", PAID.id, MONEY, ReviewReason.SECOND_PAYMENT, NOW),
)
OTHERS = Scope("mer_01ARZ3NDEKTSV4RRFFQ69G5FAX", Mode.TEST)


@pytest.fixture
async def database(mongodb_url: str, database_name: str):
    # Forty transactions at one document wait for each other, and longer where the machine has other work.
    database = Database.connect(mongodb_url, name=f"{database_name}-refundable", transaction_seconds=60)
    await database.client.drop_database(database.name)
    await database.ensure([*store.COLLECTIONS, *suspense_store.COLLECTIONS])
    yield database
    await database.client.drop_database(database.name)
    await database.close()


class Counters:
    """The verbs of one store on one thing, each in a transaction of its own."""

    def __init__(self, database: Database, verbs: Any, subject: str) -> None:
        self.database, self.verbs, self.subject = database, verbs, subject

    async def do(self, verb: str, amount: int | None = None, *, scope: Scope = SCOPE, **more: Any) -> Any:
        given = more if amount is None else {"amount": amount, **more}
        call = getattr(self.verbs, verb)
        return await self.database.transaction(
            lambda session: call(scope, self.subject, at=NOW, session=session, **given)
        )


async def on_payment(database: Database, paid: Payment = PAID, *, without: tuple[str, ...] = ()) -> Counters:
    document = payment_to_document(paid)
    await database.collection("payments").insert_one({k: v for k, v in document.items() if k not in without})
    return Counters(database, RefundableStore(database), paid.id)


async def on_suspense(database: Database, entry: SuspenseEntry = ENTRY) -> Counters:
    await database.collection("suspense").insert_one(suspense_to_document(entry))
    return Counters(database, RefundableSuspenseStore(database), entry.id)


@pytest.mark.parametrize("on", [on_payment, on_suspense])
async def test_c4_forty_reservations_at_once_never_exceed_what_was_captured(database, on):
    counters = await on(database)
    reserved = await asyncio.gather(*(counters.do("reserve", 700) for _ in range(40)))
    granted = [one for one in reserved if one is not None]
    assert len(granted) == 14
    assert max(one.refunds_reserved for one in granted) == 9_800
    assert await counters.do("reserve", 201) is None
    assert (await counters.do("reserve", 200)).refunds_reserved == CAPTURED


@pytest.mark.parametrize("on", [on_payment, on_suspense])
async def test_c5_what_is_above_the_rest_or_another_merchants_is_not_reserved(database, on):
    counters = await on(database)
    assert await counters.do("reserve", CAPTURED + 1) is None
    assert await counters.do("reserve", 1, scope=OTHERS) is None
    assert await counters.do("reserve", 1, scope=replace(SCOPE, mode=Mode.LIVE)) is None
    assert (await counters.do("reserve", CAPTURED)).version == 2
    assert await counters.do("reserve", 1) is None


@pytest.mark.parametrize("status", [status for status in PaymentStatus if status is not PaymentStatus.COMPLETED])
async def test_c5_only_a_completed_payment_is_reserved_from(database, status):
    counters = await on_payment(database, replace(PAID, status=status))
    assert await counters.do("reserve", 1) is None
    assert await counters.do("accept", 1, reserved=False) is None


@pytest.mark.parametrize(
    ("state", "refundable"),
    [
        (None, CAPTURED),
        (DisputeState.OPEN, 0),
        (DisputeState.WON, CAPTURED),
        (DisputeState.LOST, 0),
        (DisputeState.CLOSED, CAPTURED),
    ],
)
async def test_c11_nothing_is_reserved_while_a_dispute_is_open_or_once_it_is_lost(database, state, refundable):
    counters = await on_payment(database)
    disputed = await counters.do("set_dispute", state=state)
    assert (disputed.dispute_state, disputed.amount_refundable, disputed.version) == (state, refundable, 2)
    assert disputed.history[-1].event == f"dispute.{state.value if state else 'none'}"
    assert (await counters.do("reserve", 1) is None) is (refundable == 0)
    # What had been accepted before still counts, whatever becomes of the dispute.
    assert (await counters.do("accept", 1, reserved=False)).amount_refunded == 1


async def test_c9_a_refund_is_counted_from_its_reservation_to_its_failure(database):
    counters = await on_payment(database)
    seen = [
        await counters.do("reserve", 4_000),
        await counters.do("accept", 4_000, reserved=True),
        await counters.do("reserve", 6_000),
        await counters.do("release", 6_000),
        await counters.do("accept", 6_000, reserved=False),
        await counters.do("unaccept", 4_000),
    ]
    assert [(one.refunds_reserved, one.amount_refunded, one.amount_refundable) for one in seen] == [
        (4_000, 0, 6_000),
        (4_000, 4_000, 6_000),
        (10_000, 4_000, 0),
        (4_000, 4_000, 6_000),
        (10_000, 10_000, 0),
        (6_000, 6_000, 4_000),
    ]
    assert [one.shown_status for one in seen] == [
        ShownStatus.COMPLETED,
        *[ShownStatus.PARTIALLY_REFUNDED] * 3,
        ShownStatus.REFUNDED,
        ShownStatus.PARTIALLY_REFUNDED,
    ]
    assert [one.version for one in seen] == [2, 3, 4, 5, 6, 7]
    assert [entry.event for entry in seen[-1].history[1:]] == [
        "refund.reserved",
        "refund.accepted",
        "refund.reserved",
        "refund.released",
        "refund.imported",
        "refund.failed",
    ]
    assert {(entry.status, entry.source) for entry in seen[-1].history[1:]} == {(PaymentStatus.COMPLETED, "refunds")}


async def test_c10_a_foreign_refund_beyond_the_capture_is_counted_and_noted_once(database):
    counters = await on_payment(database, replace(PAID, review=(ReviewReason.SECOND_PAYMENT,)))
    assert (await counters.do("accept", CAPTURED, reserved=False)).review == (ReviewReason.SECOND_PAYMENT,)
    for total in (CAPTURED + 1, CAPTURED + 2):
        over = await counters.do("accept", 1, reserved=False)
        assert (over.refunds_reserved, over.amount_refunded, over.amount_refundable) == (total, total, 0)
        assert over.review == (ReviewReason.SECOND_PAYMENT, ReviewReason.REFUNDS_EXCEED_CAPTURE)
    assert await counters.do("reserve", 1) is None


@pytest.mark.parametrize("on", [on_payment, on_suspense])
@pytest.mark.parametrize(("verb", "more"), [("release", {}), ("accept", {"reserved": True}), ("unaccept", {})], ids=str)
async def test_what_was_never_counted_is_not_taken_back(database, on, verb, more):
    counters = await on(database)
    await counters.do("reserve", 500)
    await counters.do("accept", 300, reserved=True)
    with pytest.raises(CountersBroken):
        await counters.do(verb, 301, **more)
    rest = {"release": 200, "accept": 200, "unaccept": 300}[verb]
    assert await counters.do(verb, rest, **more) is not None


async def test_a_dispute_of_no_payment_is_a_defect(database):
    counters = Counters(database, RefundableStore(database), PAID.id)
    with pytest.raises(CountersBroken):
        await counters.do("set_dispute", state=DisputeState.OPEN)


async def test_a_payment_from_before_there_were_refunds_has_nothing_reserved(database):
    # Its `amount_refunded` was what the processor said, which the refunds themselves will tell again.
    old = replace(PAID, amount_refunded=4_000)
    counters = await on_payment(database, old, without=("refunds_reserved", "dispute_state"))
    stored = await PaymentStore(database).find_payment(SCOPE, PAID.id)
    assert stored is not None
    assert (stored.refunds_reserved, stored.amount_refunded, stored.dispute_state) == (0, 0, None)
    reserved = await counters.do("reserve", 700)
    assert (reserved.refunds_reserved, reserved.amount_refunded) == (700, 0)


async def test_an_attempt_leads_to_its_payment(database):
    await on_payment(database)
    payments = PaymentStore(database)
    found = await payments.find_by_attempt(SCOPE, gateway_payment_id="pay_A")
    assert found is not None
    assert found.id == PAID.id
    assert await payments.find_by_attempt(SCOPE, gateway_payment_id="pay_B") is None
    assert await payments.find_by_attempt(OTHERS, gateway_payment_id="pay_A") is None


async def test_money_in_suspense_is_returned_once_all_of_it_went_back_and_open_again_when_that_failed(database):
    counters = await on_suspense(database)
    seen = [
        await counters.do("reserve", CAPTURED),
        await counters.do("release", CAPTURED),
        await counters.do("reserve", 9_000),
        await counters.do("accept", 9_000, reserved=True),
        await counters.do("accept", 1_000, reserved=False),
        await counters.do("unaccept", 1_000),
    ]
    assert [(one.refunds_reserved, one.amount_refunded, one.rest, one.state) for one in seen] == [
        (10_000, 0, 0, SuspenseState.OPEN),
        (0, 0, 10_000, SuspenseState.OPEN),
        (9_000, 0, 1_000, SuspenseState.OPEN),
        (9_000, 9_000, 1_000, SuspenseState.OPEN),
        (10_000, 10_000, 0, SuspenseState.RETURNED),
        (9_000, 9_000, 1_000, SuspenseState.OPEN),
    ]
    assert [one.version for one in seen] == [2, 3, 4, 5, 6, 7]
    assert [(fact.event, fact.state.value) for fact in seen[-1].history[-2:]] == [
        ("refund.imported", "returned"),
        ("refund.failed", "open"),
    ]


async def test_money_that_was_placed_is_reserved_no_more_and_comes_back_when_an_older_refund_fails(database):
    placed = replace(ENTRY, state=SuspenseState.PLACED, amount_placed=9_900, refunds_reserved=100, amount_refunded=100)
    counters = await on_suspense(database, placed)
    assert await counters.do("reserve", 1) is None
    assert (await counters.do("accept", 50, reserved=False)).state is SuspenseState.PLACED
    assert (await counters.do("unaccept", 50)).state is SuspenseState.PLACED
    back = await counters.do("unaccept", 100)
    assert (back.state, back.rest) == (SuspenseState.OPEN, 100)
    assert await counters.do("reserve", 101) is None
    await counters.do("reserve", 100)
    assert (await counters.do("accept", 100, reserved=True)).state is SuspenseState.RETURNED


async def test_an_entry_is_found_by_the_payment_of_the_processor(database):
    await on_suspense(database)
    entries = SuspenseStore(database)
    assert await entries.find_by_attempt(SCOPE, gateway_payment_id="pay_B") == ENTRY
    assert await entries.find_by_attempt(SCOPE, gateway_payment_id="pay_A") is None
    assert await entries.find_by_attempt(OTHERS, gateway_payment_id="pay_B") is None
