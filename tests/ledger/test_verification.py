"""Tampering: whatever a raw client changes in a sealed book is found, and named."""

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest
from bson import Decimal128, ObjectId
from bson.int64 import Int64
from pymongo.errors import WriteError

from app.ledger.books_store import Round
from app.ledger.chain import GENESIS, Flaw, Head, digest_of
from tests.ledger.books import make_books
from tests.ledger.samples import capture, fee
from tests.logs import captured_logs

LEG_0, LEG_1 = "legs.0.amount", "legs.1.amount"


@pytest.fixture
async def sealed(books):
    """Six entries of two days, sealed: captures at 1, 3 and 5, fees at 2, 4 and 6."""
    books.clock.moment = datetime(2026, 3, 1, 23, 0, tzinfo=UTC)
    for number in range(1, 4):
        books.clock.advance(seconds=1800)
        await books.post(capture(number))
        books.clock.advance(seconds=1)
        await books.post(fee(number))
    await books.seal()
    assert await books.flaws() == []
    return books


async def force(books, collection, query, change):
    """Change a document past its validator, as somebody with the database's password can."""
    updates = [{"q": {"tenant": books.scope.tenant, **query}, "u": change}]
    result = await books.database.db.command("update", collection, updates=updates, bypassDocumentValidation=True)
    assert result["nModified"] == 1


def named(flaws):
    return sorted((flaw.flaw.value, flaw.sequence, flaw.line) for flaw in flaws)


MORE = {"$inc": {LEG_0: 5, LEG_1: 5}}
SUMS = [("balance_differs", None, f"INR {account}") for account in ("merchant_payable", "processor_receivable")]
FEES = [("balance_differs", None, f"INR {account}") for account in ("fees", "processor_receivable", "tax")]


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        (MORE, [("entry_altered", 3, None), *SUMS]),
        ({"$inc": {LEG_0: 5}}, [("entry_altered", 3, None), *SUMS]),
        ({"$set": {LEG_0: 50_005.0}}, [("entry_altered", 3, None), *SUMS]),
        ({"$set": {LEG_0: Decimal128("50000")}}, [("entry_altered", 3, None), *SUMS]),
        ({"$set": {"legs.0.account": "bank"}}, None),
        ({"$set": {"legs": "none"}}, [("entry_altered", 3, None), *SUMS]),
        ({"$unset": {"cause": 1}}, [("entry_altered", 3, None), *SUMS]),
        ({"$set": {"payment_id": "pmt_9"}}, [("entry_altered", 3, None)]),
        ({"$set": {"cause.id": "pay_9"}}, [("entry_altered", 3, None)]),
        ({"$set": {"recorded_at": datetime(2026, 3, 1, 1, tzinfo=UTC)}}, None),
        ({"$set": {"note": "facts"}}, [("entry_altered", 3, None)]),
        ({"$set": {"note": ObjectId("0" * 24)}}, [("entry_altered", 3, None)]),
        ({"$set": {"seal.digest": "f" * 64}}, [("entry_altered", 3, None), ("link_broken", 4, None)]),
        ({"$set": {"seal.previous": GENESIS}}, [("entry_altered", 3, None), ("link_broken", 3, None)]),
        ({"$set": {"seal.sequence": Int64(33)}}, [("entry_missing", 3, None), ("head_differs", 33, None), *SUMS]),
        ({"$set": {"seal": None}}, [("entry_missing", 3, None), *SUMS]),
    ],
    ids=str,
)
async def test_g13_i4_an_altered_entry_is_found_and_named(sealed, change, wanted):
    row = await sealed.rows.find_one({"tenant": sealed.scope.tenant, "seal.sequence": 3})
    await force(sealed, "ledger_entries", {"seal.sequence": 3}, change)
    found = await sealed.flaws()
    if wanted is None:
        assert ("entry_altered", 3, None) in named(found)
    else:
        assert named(found) == sorted(wanted, key=lambda one: (one[0], one[1] or 0, one[2] or ""))
    assert {flaw.entry_id for flaw in found if flaw.flaw is Flaw.ENTRY_ALTERED} <= {row["_id"]}
    await sealed.walk()
    verdict = await sealed.checks.books.find_verdict(sealed.scope)
    assert set(named(found)) <= set(named(verdict.breaks))
    assert not (await sealed.checks.verify(sealed.scope)).is_whole


@pytest.mark.parametrize(
    ("removed", "wanted"),
    [
        ([1], [("entry_missing", 1, None), *SUMS]),
        ([4], [("entry_missing", 4, None), *FEES]),
        ([2, 4], [("entry_missing", 2, None), ("entry_missing", 4, None), *FEES]),
        ([6], [("entry_missing", 6, None), *FEES]),
        ([2, 3, 4, 5], [("entry_missing", 2, None), *SUMS, *FEES[::2]]),
    ],
    ids=str,
)
async def test_g13_i4_a_removed_entry_is_found_and_named(sealed, removed, wanted):
    await sealed.rows.delete_many({"tenant": sealed.scope.tenant, "seal.sequence": {"$in": removed}})
    assert named(await sealed.flaws()) == sorted(wanted, key=lambda one: (one[0], one[1] or 0, one[2] or ""))


async def test_g13_a_book_without_entries_is_not_whole(sealed):
    await sealed.rows.delete_many({"tenant": sealed.scope.tenant})
    found = await sealed.flaws()
    assert (found[0].flaw, found[0].sequence) == (Flaw.ENTRY_MISSING, 1)
    assert "6 entries" in found[0].says


async def test_g13_an_entry_forged_with_its_own_digest_breaks_the_next_one(sealed):
    await sealed.rows.update_one({"tenant": sealed.scope.tenant, "seal.sequence": 5}, MORE)
    row = await sealed.rows.find_one({"tenant": sealed.scope.tenant, "seal.sequence": 5})
    forged = digest_of(row, sequence=5, previous=row["seal"]["previous"])
    await force(sealed, "ledger_entries", {"seal.sequence": 5}, {"$set": {"seal.digest": forged}})
    assert named(await sealed.flaws()) == [*SUMS, ("link_broken", 6, None)]
    # Forging on to the end does not help: the book itself ends in another digest.
    await sealed.rows.delete_one({"tenant": sealed.scope.tenant, "seal.sequence": 6})
    await force(sealed, "ledger_books", {}, {"$set": {"sequence": Int64(5)}})
    assert ("head_differs", 5, None) in named(await sealed.flaws())


async def test_g13_an_entry_that_never_balanced_is_named_even_with_a_fitting_digest(sealed):
    await force(sealed, "ledger_entries", {"seal.sequence": 6}, {"$inc": {LEG_0: 1}})
    row = await sealed.rows.find_one({"tenant": sealed.scope.tenant, "seal.sequence": 6})
    forged = digest_of(row, sequence=6, previous=row["seal"]["previous"])
    await force(sealed, "ledger_entries", {"seal.sequence": 6}, {"$set": {"seal.digest": forged}})
    await force(sealed, "ledger_books", {}, {"$set": {"digest": forged}})
    assert named(await sealed.flaws()) == [*FEES, ("entry_malformed", 6, None)]


async def test_g13_i4_a_changed_stored_balance_is_found_and_named(sealed):
    balanced = {"$inc": {"balances.INR.merchant_payable.credit": 5, "balances.INR.bank.debit": Int64(5)}}
    await sealed.heads.update_one({"tenant": sealed.scope.tenant}, balanced)
    lines = ["INR bank", "INR merchant_payable"]
    both = [(flaw, None, line) for flaw in ("balance_differs", "days_differ") for line in lines]
    assert named(await sealed.flaws()) == both
    (first, *_) = await sealed.flaws()
    assert first.says == "stored 5/0, entries 0/0 (debit/credit)"
    more = {"$inc": {"balances.INR.bank.debit": Int64(1)}}
    with pytest.raises(WriteError):
        await sealed.heads.update_one({"tenant": sealed.scope.tenant}, more)
    await force(sealed, "ledger_books", {}, more)
    assert named(await sealed.flaws()) == [*both[:2], ("book_unbalanced", None, "INR"), *both[2:]]


async def test_g13_a_changed_day_is_found_and_named(sealed):
    await force(sealed, "ledger_days", {"day": "2026-03-01", "account": "fees"}, {"$inc": {"debit": Int64(7)}})
    assert named(await sealed.flaws()) == [("days_differ", None, "INR fees")]
    # What is moved from one day to another leaves the sum as it was: only the walk sees it.
    await force(sealed, "ledger_days", {"day": "2026-03-02", "account": "fees"}, {"$inc": {"debit": Int64(-7)}})
    assert await sealed.flaws() == []
    await sealed.walk()
    look = await sealed.checks.verify(sealed.scope)
    assert not look.is_whole
    days = ("2026-03-01", "2026-03-02")
    assert named(look.last.breaks) == [("days_differ", None, f"{day} INR fees") for day in days]


async def test_g13_a_moment_that_no_calendar_holds_does_not_stop_the_check(sealed):
    pipeline = [{"$set": {"recorded_at": {"$toDate": Int64(10**15)}}}]
    await force(sealed, "ledger_entries", {"seal.sequence": 3}, pipeline)
    assert named(await sealed.flaws()) == [*SUMS, ("entry_altered", 3, None)]


async def test_g13_a_long_book_is_looked_at_in_pieces_and_each_piece_sees_its_own_flaws(ledger_database):
    books = make_books(ledger_database, piece=3)
    await books.post(*(capture(number) for number in range(10)))
    await books.seal()
    await books.rows.update_one({"tenant": books.scope.tenant, "seal.sequence": 8}, {"$set": {"payment_id": "pmt_9"}})
    seen, place = [], 0
    while place is not None:
        look = await books.checks.verify(books.scope, after=place)
        seen.append((look.checked_from, look.checked_through, named(look.breaks)))
        place = look.next_after
    assert seen == [
        (1, 3, []),
        (3, 6, []),
        (6, 9, [("entry_altered", 8, None)]),
        (9, 10, []),
    ]
    await books.rows.delete_many({"tenant": books.scope.tenant, "seal.sequence": {"$gte": 6}})
    assert named(await books.flaws(after=6)) == [("entry_missing", 6, None)]
    assert named(await books.flaws(after=5)) == [("entry_missing", 6, None)]
    beyond = await books.checks.verify(books.scope, after=11)
    assert (beyond.breaks, beyond.next_after) == ((), None)


async def test_a_walk_goes_on_where_it_stopped_and_rests_at_its_end(ledger_database):
    books = make_books(ledger_database, piece=4)
    await books.post(*(capture(number) for number in range(10)))
    await books.seal()
    assert await books.checks.check_next()
    fresh = make_books(ledger_database, piece=4, clock=books.clock)
    # Pieces: 4, 4, 2 at the end; one day; nothing more.
    assert await fresh.walk() == 4
    verdict = await books.checks.books.find_verdict(books.scope)
    assert (verdict.sequence, verdict.breaks, verdict.completed_at) == (10, (), books.clock.now())
    books.clock.advance(seconds=599)
    assert await books.walk() == 0
    books.clock.advance(seconds=1)
    assert await books.walk() == 5


async def test_a_long_walk_is_followed_by_a_long_rest_of_a_day_at_most(books):
    await books.post(capture())
    await books.seal()
    assert await books.checks.check_next()
    books.clock.advance(seconds=60)
    assert await books.walk() == 2
    books.clock.advance(seconds=5_999)
    assert await books.walk() == 0
    books.clock.advance(seconds=1)
    assert await books.checks.check_next()
    books.clock.advance(seconds=3_600)
    assert await books.walk() == 2
    books.clock.advance(seconds=86_399)
    assert await books.walk() == 0
    books.clock.advance(seconds=1)
    assert await books.walk() == 3


async def test_p3_p11_a_walker_that_was_overtaken_writes_nothing(books):
    await books.post(capture())
    await books.seal()
    heads = books.checks.books
    late = await heads.claim_due_check(at=books.clock.now())
    assert await heads.claim_due_check(at=books.clock.now()) is None
    books.clock.advance(seconds=60)
    taken = await heads.claim_due_check(at=books.clock.now())
    assert (late.fence, taken.fence, late.reached) == (1, 2, Head())
    assert not await heads.save_round(books.scope, late, due_at=books.clock.now())
    await books.checks._finish(dataclasses.replace(late, started_at=None))
    assert await heads.find_verdict(books.scope) is None
    assert await heads.save_round(books.scope, taken, due_at=books.clock.now())
    await books.checks._finish(taken)
    assert (await heads.find_verdict(books.scope)).breaks == ()


async def test_g13_what_a_walk_finds_is_told_to_the_log_and_counted(sealed):
    await sealed.rows.update_one({"tenant": sealed.scope.tenant, "seal.sequence": 3}, MORE)
    assert await sealed.checks.books.measure_breaks() == 0
    with captured_logs() as logs:
        await sealed.walk()
    altered = next(entry for entry in logs if entry["flaw"] == "entry_altered")
    assert (altered["event"], altered["sequence"], altered["tenant"]) == ("ledger_broken", 3, sealed.scope.tenant)
    assert altered["entry"].startswith("ent_")
    assert await sealed.checks.books.measure_breaks() == len(logs) == 5


async def test_a_book_that_was_never_opened_is_whole_and_unsealed_entries_are_told(books):
    look = await books.checks.verify(books.scope)
    assert (look.is_whole, look.sealed, look.checked_through, look.unsealed_since) == (True, 0, 0, None)
    booked = books.clock.now()
    await books.post(capture())
    books.clock.advance(seconds=90)
    await books.post(fee())
    look = await books.checks.verify(books.scope)
    assert (look.is_whole, look.unsealed_since, look.last) == (True, booked, None)
    assert await books.ledger.store.measure_unsealed() == (2, booked)
    await books.seal()
    assert await books.ledger.store.measure_unsealed() == (0, None)
    look = await books.checks.verify(books.scope)
    assert (look.is_whole, look.unsealed_since, look.last) == (True, None, None)


async def test_a_trial_balance_is_that_of_its_moment(sealed):
    moment = datetime(2026, 3, 2, 0, 0, 1, tzinfo=UTC)
    balances = await sealed.ledger.get_trial_balance(sealed.scope, before=moment)
    assert balances["INR", "merchant_payable"].credit == 50_000
    later = await sealed.ledger.get_trial_balance(sealed.scope, before=moment + timedelta(days=30))
    assert later == await sealed.ledger.get_balances(sealed.scope)
    assert await sealed.ledger.get_trial_balance(sealed.scope, before=moment - timedelta(days=1)) == {}


def test_a_round_begins_at_the_beginning():
    assert (Round(None, 1).reached, Round(None, 1).day) == (Head(0, GENESIS, {}), None)
