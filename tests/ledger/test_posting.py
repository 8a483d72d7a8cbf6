"""Booking: one entry for each fact, whoever books it how often; and what the database itself refuses."""

import asyncio
import dataclasses
import secrets
from datetime import UTC, datetime, timedelta

import pytest
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from hypothesis import HealthCheck, given, settings
from pymongo.errors import DuplicateKeyError, WriteError

from app.kit.scope import Mode, Scope
from app.ledger.documents import entry_from_document, entry_to_document
from app.ledger.models import Account, CauseKind, Entry, Leg, Seal, Side
from app.ledger.service import LedgerEntryNotFound, PostingConflict
from tests.ledger.samples import capture, fee, postings


async def test_d5_a_posting_is_booked_as_it_was_made(books):
    await books.post(capture(), fee())
    newest, first = await books.entries()
    assert {newest.posting.cause.kind, first.posting.cause.kind} == {CauseKind.CAPTURE, CauseKind.FEE}
    booked = {entry.posting.cause: entry for entry in (newest, first)}
    assert booked[capture().cause].posting == capture()
    assert booked[fee().cause].posting == fee()
    assert booked[fee().cause] == Entry(
        booked[fee().cause].id, books.scope, fee(), recorded_at=books.clock.now(), seal=None
    )
    assert await books.ledger.get_entry(books.scope, first.id) == first


async def test_d5_a_fact_that_is_booked_already_changes_nothing_and_ends_no_transaction(books):
    await books.post(capture())
    (before,) = await books.entries()
    books.clock.advance(seconds=60)
    turned = dataclasses.replace(capture(), legs=capture().legs[::-1])
    await books.post(turned, capture(), fee())
    after = await books.entries()
    assert [entry.posting.cause.kind for entry in after] == [CauseKind.FEE, CauseKind.CAPTURE]
    assert after[1] == before
    assert not books.conflicts


@pytest.mark.parametrize(
    "other",
    [
        capture(amount=50_001),
        capture(currency="USD"),
        capture(payment_id="pmt_2"),
        dataclasses.replace(
            capture(), legs=(Leg(Account.BANK, Side.DEBIT, 50_000), Leg(Account.MERCHANT_PAYABLE, Side.CREDIT, 50_000))
        ),
        dataclasses.replace(capture(), legs=(*capture().legs, *capture().legs)),
    ],
    ids=["amount", "currency", "payment", "account", "twice"],
)
async def test_d5_the_same_fact_in_other_words_stops_the_whole_transaction(books, other):
    await books.post(capture())
    with pytest.raises(PostingConflict, match="capture pay_1"):
        await books.post(fee(), other, capture(2))
    (only,) = await books.entries()
    assert only.posting == capture()
    assert books.conflicts == [CauseKind.CAPTURE]


async def test_d5_merchants_modes_and_kinds_have_books_of_their_own(books):
    other = Scope(f"{books.scope.tenant}x", Mode.TEST)
    live = Scope(books.scope.tenant, Mode.LIVE)
    for scope in (books.scope, other, live):
        await books.post(capture(), scope=scope)
    await books.post(capture(kind=CauseKind.SETTLEMENT))
    assert len(await books.entries()) == 2
    (theirs,) = [entry async for entry in _all(books, other)]
    with pytest.raises(LedgerEntryNotFound):
        await books.ledger.get_entry(books.scope, theirs.id)
    with pytest.raises(LedgerEntryNotFound):
        await books.ledger.get_entry(live, theirs.id)
    assert (await books.ledger.get_entry(other, theirs.id)).posting == capture()


async def _all(books, scope):
    async for document in books.rows.find({"tenant": scope.tenant, "mode": scope.mode.value}):
        yield entry_from_document(document)


async def test_d5_forty_transactions_at_once_with_one_fact_make_one_entry(books):
    await asyncio.gather(*(books.post(capture(), fee()) for _ in range(40)))
    assert len(await books.entries()) == 2
    assert not books.conflicts


async def test_d5_forty_transactions_of_one_merchant_with_forty_facts_hinder_each_other_nowhere(books):
    """There is no document that two captures of one merchant both write to, so none runs twice."""
    runs = []

    async def book(number):
        async def work(session):
            runs.append(number)
            await books.ledger.post(books.scope, [capture(number)], session=session, at=books.clock.now())
            await asyncio.sleep(0.05)

        await books.database.transaction(work)

    await asyncio.gather(*(book(number) for number in range(40)))
    assert set(runs) == set(range(40))
    # With such a document the first would make the other 39 run again; that the database stumbles, only a few.
    assert len(runs) < 79
    assert len(await books.entries()) == 40


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(posting=postings())
async def test_d5_every_posting_that_balances_is_taken_and_read_back_as_it_was(books, posting):
    await books.rows.delete_many({"tenant": books.scope.tenant})
    await books.post(posting)
    (entry,) = await books.entries()
    assert entry.posting == posting


def test_a_sealed_entry_is_read_back_as_it_was():
    entry = Entry(
        "ent_1", Scope("mer_1", Mode.LIVE), fee(), datetime(2026, 1, 1, tzinfo=UTC), Seal(7, "0" * 64, "f" * 64)
    )
    assert entry_from_document(entry_to_document(entry)) == entry


def raw(books, **changes):
    """Return the document of a capture, as a client without our code might write it."""
    entry = Entry(f"ent_{secrets.token_hex(8)}", books.scope, capture(), books.clock.now())
    return {**entry_to_document(entry), **changes}


def legs(*rows):
    """Return legs as stored, with whatever somebody takes for an amount."""
    return [{"account": account, "side": side, "amount": amount} for account, side, amount in rows]


def pair(debit, credit=None):
    """Return two legs with these amounts."""
    return legs(("bank", "debit", debit), ("suspense", "credit", debit if credit is None else credit))


async def test_a_raw_client_may_write_what_balances(books):
    await books.rows.insert_one(raw(books))
    assert len(await books.entries()) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"legs": pair(Int64(500), Int64(501))},
        {"legs": legs(("bank", "debit", Int64(500)), ("bank", "debit", Int64(500)))},
        {"legs": legs(("bank", "debit", Int64(500)))},
        {"legs": []},
        {"legs": pair(Int64(500)) * 17},
        {"legs": "500"},
        {"legs": pair(Int64(-500))},
        {"legs": pair(Int64(0))},
        {"legs": [*pair(Int64(500)), *pair(Int64(0))]},
        {"legs": pair(500.0)},
        {"legs": pair(500)},
        {"legs": pair(Decimal128("500"))},
        {"legs": pair("500")},
        {"legs": pair(True)},
        {"legs": pair(None)},
        {"legs": pair(Int64(10**12 + 1))},
        {"legs": legs(("bank", "debit", Int64(500)), ("wallet", "credit", Int64(500)))},
        {"legs": legs(("bank", "debit", Int64(500)), ("suspense", "kredit", Int64(500)))},
        {"legs": [{**leg, "note": "more"} for leg in pair(Int64(500))]},
        {"currency": "inr"},
        {"currency": None},
        {"cause": {"kind": "gift", "id": "pay_1"}},
        {"cause": {"kind": "capture", "id": ""}},
        {"cause": "capture"},
        {"mode": "both"},
        {"tenant": ""},
        {"payment_id": 7},
        {"recorded_at": "2026-01-01T00:00:00Z"},
        {"seal": {}},
        {"seal": {"sequence": 1.0, "previous": "0" * 64, "digest": "0" * 64}},
        {"seal": {"sequence": Int64(1), "previous": "0" * 64, "digest": "short"}},
        {"more": "facts"},
    ],
    ids=str,
)
async def test_t3_d5_i4_the_database_refuses_what_is_no_entry_from_a_raw_client_too(books, changes):
    with pytest.raises(WriteError):
        await books.rows.insert_one(raw(books, **changes))
    assert await books.entries() == []


async def test_t5_a_leg_has_no_place_for_a_currency_of_its_own(books):
    mixed = [{**leg, "currency": currency} for leg, currency in zip(pair(Int64(500)), ["INR", "USD"], strict=True)]
    with pytest.raises(WriteError):
        await books.rows.insert_one(raw(books, legs=mixed))
    with pytest.raises(WriteError):
        await books.rows.insert_one(raw(books, currency=["INR", "USD"]))


async def test_i4_a_booked_entry_can_not_be_unbalanced_by_a_change_either(books):
    await books.post(capture())
    for change in ({"$inc": {"legs.0.amount": 1}}, {"$pop": {"legs": 1}}, {"$unset": {"currency": ""}}):
        with pytest.raises(WriteError):
            await books.rows.update_one({"tenant": books.scope.tenant}, change)
    (entry,) = await books.entries()
    assert entry.posting == capture()


async def test_d5_a_raw_client_can_not_book_a_fact_twice(books):
    await books.post(capture())
    with pytest.raises(DuplicateKeyError):
        await books.rows.insert_one(raw(books))


async def test_entries_are_listed_by_what_one_asks_for(books):
    began = books.clock.now()
    await books.post(capture(1))
    books.clock.advance(seconds=60)
    await books.post(fee(1), capture(2, payment_id="pmt_2", currency="USD"))

    async def causes(**where):
        return sorted(f"{entry.posting.cause.kind}:{entry.posting.cause.id}" for entry in await books.entries(**where))

    later = began + timedelta(seconds=60)
    assert await causes() == ["capture:pay_1", "capture:pay_2", "fee:pay_1"]
    assert await causes(payment_id="pmt_2") == ["capture:pay_2"]
    assert await causes(account=Account.TAX) == ["fee:pay_1"]
    assert await causes(cause=CauseKind.CAPTURE) == ["capture:pay_1", "capture:pay_2"]
    assert await causes(cause_id="pay_1") == ["capture:pay_1", "fee:pay_1"]
    assert await causes(currency="USD") == ["capture:pay_2"]
    assert await causes(recorded_from=later) == ["capture:pay_2", "fee:pay_1"]
    assert await causes(recorded_before=later) == ["capture:pay_1"]
    assert await causes(recorded_from=began, recorded_before=began) == []
