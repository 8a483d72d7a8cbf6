"""Sealing: places in the chain and stored balances, in one transaction; whoever is overtaken writes nothing."""

import asyncio
import dataclasses
import os
import secrets
import subprocess
import sys
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymongo.errors import WriteError
from pymongo.read_concern import ReadConcern

from app.kit.scope import Mode, Scope
from app.ledger.balances import NOTHING, Turnover, differences, fold, totals
from app.ledger.chain import GENESIS, digest_of
from app.ledger.models import NORMAL_SIDE, Account, Side
from app.ledger.store import EntryStore
from tests.ledger.books import empty, make_books
from tests.ledger.samples import capture, fee, postings


async def chain(books, scope=None):
    """Return the sealed entries as stored, in the order of the chain."""
    scope = scope or books.scope
    query = {"tenant": scope.tenant, "mode": scope.mode.value, "seal.sequence": {"$gt": 0}}
    return [row async for row in books.rows.find(query).sort("seal.sequence", 1)]


async def head(books):
    return await books.heads.find_one({"tenant": books.scope.tenant, "mode": books.scope.mode.value})


async def test_i4_sealing_gives_each_entry_its_place_and_the_book_its_balances(books):
    for number in range(1, 4):
        books.clock.advance(seconds=1)
        await books.post(capture(number), fee(number))
    before = await books.ledger.get_balances(books.scope)
    assert await head(books) is None
    assert await books.seal() == 1
    rows = await chain(books)
    assert [row["seal"]["sequence"] for row in rows] == [1, 2, 3, 4, 5, 6]
    assert [row["_id"] for row in rows] == sorted(row["_id"] for row in rows)
    assert [row["seal"]["previous"] for row in rows] == [GENESIS, *(row["seal"]["digest"] for row in rows[:-1])]
    for row in rows:
        seal = row["seal"]
        assert seal["digest"] == digest_of(row, sequence=seal["sequence"], previous=seal["previous"])
    stored = await head(books)
    assert (stored["sequence"], stored["digest"]) == (6, rows[-1]["seal"]["digest"])
    assert stored["balances"]["INR"] == {
        "processor_receivable": {"debit": 150_000, "credit": 3_540},
        "merchant_payable": {"credit": 150_000},
        "fees": {"debit": 3_000},
        "tax": {"debit": 540},
    }
    assert (
        await books.ledger.get_balances(books.scope)
        == before
        == fold(posting for number in range(1, 4) for posting in (capture(number), fee(number)))
    )
    assert await books.seal() == 0
    assert await books.flaws() == []


async def test_a_later_sealing_goes_on_where_the_book_ends(books):
    await books.post(capture(1))
    await books.seal()
    first = await head(books)
    await books.post(capture(2))
    tail = await books.ledger.get_balances(books.scope)
    await books.seal()
    rows = await chain(books)
    assert rows[1]["seal"]["previous"] == first["digest"]
    assert await books.ledger.get_balances(books.scope) == tail == fold([capture(1), capture(2)])
    assert await books.flaws() == []


async def test_one_sealing_takes_no_more_than_it_may(ledger_database):
    books = make_books(ledger_database, batch=3)
    await books.post(*(capture(number) for number in range(8)))
    assert await books.seal() == 3
    assert (await head(books))["sequence"] == 8
    assert await books.flaws() == []


async def test_p5_the_next_sealing_is_another_merchants(ledger_database):
    books = make_books(ledger_database, batch=2)
    scopes = [
        dataclasses.replace(books.scope, tenant=f"{books.scope.tenant}{end}", mode=mode)
        for end in ("a", "b")
        for mode in (Mode.LIVE, Mode.TEST)
    ]
    for scope in scopes:
        await books.post(*(capture(number) for number in range(4)), scope=scope)

    async def sealed():
        return [len(await chain(books, scope)) for scope in scopes]

    for wanted in ([2, 0, 0, 0], [2, 2, 0, 0], [2, 2, 2, 0], [2, 2, 2, 2], [4, 2, 2, 2]):
        assert await books.ledger.seal_next()
        assert await sealed() == wanted
    assert await books.seal() == 3
    assert await sealed() == [4, 4, 4, 4]
    assert not await books.ledger.seal_next()


async def test_p11_two_that_seal_one_book_at_once_give_each_place_once(ledger_database):
    one = make_books(ledger_database, batch=5)
    two = make_books(ledger_database, batch=7)
    await one.post(*(capture(number) for number in range(60)))
    two.scope = one.scope
    await asyncio.gather(one.seal(), two.seal(), one.seal())
    assert [row["seal"]["sequence"] for row in await chain(one)] == list(range(1, 61))
    assert await one.flaws() == []
    assert await one.ledger.get_balances(one.scope) == fold(capture(number) for number in range(60))


class Slow(EntryStore):
    """Entries that somebody else reaches between our look and our write."""

    meanwhile = None

    async def list_unsealed(self, scope, *, limit):
        rows = await super().list_unsealed(scope, limit=limit)
        if Slow.meanwhile is not None:
            act, Slow.meanwhile = Slow.meanwhile, None
            await act()
        return rows


async def test_p3_a_sealer_that_was_overtaken_writes_nothing(books):
    await books.post(capture(1), capture(2))
    slow = dataclasses.replace(books.ledger, store=Slow(books.database))
    Slow.meanwhile = books.ledger.seal_next
    assert await slow.seal_next()
    assert (await head(books))["sequence"] == 2
    assert await books.flaws() == []
    assert not await slow.seal_next()


async def test_i4_an_entry_that_vanishes_under_the_sealer_stops_the_whole_sealing(books):
    await books.post(capture(1), capture(2))
    slow = dataclasses.replace(books.ledger, store=Slow(books.database))

    async def steal():
        await books.rows.delete_one({"tenant": books.scope.tenant, "cause.id": "pay_1"})

    Slow.meanwhile = steal
    assert await slow.seal_next()
    assert (await head(books))["sequence"] == 0
    assert await chain(books) == []
    assert await books.seal() == 1
    assert (await head(books))["sequence"] == 1
    assert await books.flaws() == []


async def test_a_fact_may_be_booked_again_while_its_entry_is_sealed(books):
    await books.post(*(capture(number) for number in range(30)))
    again = (books.post(capture(number)) for number in range(30))
    await asyncio.gather(books.seal(), *again)
    await books.seal()
    assert len(await chain(books)) == 30
    assert await books.flaws() == []


SEAL = """
import asyncio, sys
from app.config import Settings
from app.wiring import wire

async def main():
    wiring = wire(Settings(_env_file=None, environment="test", mongodb_url=sys.argv[1], database_name=sys.argv[2]))
    while await wiring.ledger.seal_next():
        pass
    await wiring.close()

asyncio.run(main())
"""


async def bury(books, name):
    """End the open transaction of a dead process now; the server does it by itself after ten seconds."""
    admin = books.database.client.get_database("admin", read_concern=ReadConcern("local"))
    everything = {"$currentOp": {"allUsers": True, "idleSessions": True}}
    rows = await admin.aggregate([everything, {"$match": {"appName": name}}])
    for row in [row async for row in rows if row["type"] == "idleSession"]:
        await admin.command({"killAllSessionsByPattern": [{"lsid": row["lsid"]}]})


@pytest.mark.parametrize(
    ("point", "sealed"),
    [
        ("ledger.seal_planned", 0),
        ("ledger.seal_written", 0),
        ("ledger.seal_committed", 3),
        ("ledger.seal_written:2", 3),
    ],
)
async def test_p1_i4_a_process_that_dies_while_it_seals_leaves_a_whole_book_and_another_goes_on(
    ledger_database, mongodb_url, point, sealed
):
    books = make_books(ledger_database)
    await books.post(capture(1), fee(1), capture(2))
    if point.endswith(":2"):
        await books.post(capture(1), scope=Scope(f"{books.scope.tenant}x", Mode.TEST))
    name = f"dying-{secrets.token_hex(4)}"
    died = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", SEAL, f"{mongodb_url}&appName={name}", ledger_database.name],
        env={**os.environ, "FAULT_POINT": point},
        timeout=60,
        check=False,
    )
    assert died.returncode == 137
    assert len(await chain(books)) == sealed
    stored = await head(books)
    assert (stored["sequence"] if stored else 0) == sealed
    assert await books.flaws() == []
    await bury(books, name)
    await books.seal()
    assert await books.flaws() == []
    assert await books.ledger.get_balances(books.scope) == fold([capture(1), fee(1), capture(2)])


async def test_what_is_no_entry_gets_no_place_and_is_named(books):
    await books.post(capture(1), capture(2), fee(2))
    forged = {"cause.id": "pay_1"}
    raw = books.database.db.get_collection("ledger_entries")
    await raw.database.command(
        "update",
        "ledger_entries",
        updates=[{"q": {"tenant": books.scope.tenant, **forged}, "u": {"$inc": {"legs.0.amount": 1}}}],
        bypassDocumentValidation=True,
    )
    assert await books.ledger.seal_next()
    assert not await books.ledger.seal_next()
    assert [row["cause"]["id"] for row in await chain(books)] == ["pay_2", "pay_2"]
    entry = await raw.find_one({"tenant": books.scope.tenant, **forged})
    (flaw,) = await books.flaws()
    assert (flaw.flaw, flaw.entry_id) == ("entry_malformed", entry["_id"])
    assert await books.ledger.get_balances(books.scope) == fold([capture(2), fee(2)])
    await raw.delete_one({"_id": entry["_id"]})


@pytest.mark.parametrize(
    "change",
    [
        {"$inc": {"balances.INR.merchant_payable.credit": 1}},
        {"$set": {"balances.INR.fees": {"debit": 5.0}}},
        {"$set": {"balances.INR": 7}},
        {"$unset": {"balances.INR.merchant_payable": 1}},
        {"$unset": {"digest": 1}},
    ],
    ids=str,
)
async def test_i4_the_database_refuses_stored_balances_that_do_not_come_to_zero(books, change):
    await books.post(capture(1))
    await books.seal()
    with pytest.raises(WriteError):
        await books.heads.update_one({"tenant": books.scope.tenant}, change)


async def test_i4_at_every_moment_of_a_busy_book_the_stored_balances_come_to_zero(ledger_database):
    books = make_books(ledger_database, batch=4)
    busy = True

    async def look():
        looks = 0
        while busy:
            stored = await books.ledger.books.find_head(books.scope)
            whole = await books.ledger.get_balances(books.scope)
            for balances in (stored.balances if stored else {}, whole):
                assert all(total.debit == total.credit for total in totals(balances).values())
            assert await books.flaws() == []
            looks += 1
        return looks

    async def work():
        nonlocal busy
        for number in range(12):
            await asyncio.gather(
                *(books.post(capture(10 * number + each), fee(10 * number + each)) for each in range(5))
            )
            await books.ledger.seal_next()
        await books.seal()
        busy = False

    looks, _ = await asyncio.gather(look(), work())
    assert looks > 5
    assert (await head(books))["sequence"] == 120


STEPS = st.lists(
    st.one_of(
        st.lists(postings(), min_size=1, max_size=4),
        st.just("seal"),
        st.just("seal twice at once"),
        st.integers(1, 40).map(lambda hours: timedelta(hours=hours)),
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=STEPS, batch=st.integers(1, 5), piece=st.integers(1, 4))
async def test_i4_whatever_is_booked_and_sealed_in_whatever_order_the_books_hold(ledger_database, steps, batch, piece):
    await empty(ledger_database)
    books = make_books(ledger_database, batch=batch, piece=piece)
    booked = {}
    moments = []
    for step in steps:
        if step == "seal":
            await books.ledger.seal_next()
        elif step == "seal twice at once":
            await asyncio.gather(books.ledger.seal_next(), books.ledger.seal_next())
        elif isinstance(step, timedelta):
            moments.append((books.clock.now() + timedelta(milliseconds=1), fold(booked.values())))
            books.clock.advance(seconds=step.total_seconds())
        else:
            new = {posting.cause: posting for posting in step if posting.cause not in booked}
            await books.post(*new.values())
            booked |= new
        balances = await books.ledger.get_balances(books.scope)
        assert not differences(balances, fold(booked.values()))
        assert all(total.debit == total.credit for total in totals(balances).values())
    for moment, wanted in moments:
        assert not differences(await books.ledger.get_trial_balance(books.scope, before=moment), wanted)
    await books.seal()
    rows = await chain(books)
    assert [row["seal"]["sequence"] for row in rows] == list(range(1, len(booked) + 1))
    for moment, wanted in moments:
        assert not differences(await books.ledger.get_trial_balance(books.scope, before=moment), wanted)
    place = 0
    while place is not None:
        look = await books.checks.verify(books.scope, after=place)
        assert look.is_whole
        assert look.checked_through <= look.sealed == len(booked)
        place = look.next_after
    assert look.checked_through == len(booked)
    await books.walk()
    assert (await books.checks.verify(books.scope)).is_whole
    verdict = await books.checks.books.find_verdict(books.scope)
    assert (verdict.sequence if verdict else 0, verdict.breaks if verdict else ()) == (len(booked), ())


def test_a_balance_is_positive_on_the_side_on_which_its_account_grows():
    for account, side in NORMAL_SIDE.items():
        grown = Turnover(debit=7) if side is Side.DEBIT else Turnover(credit=7)
        assert grown.balance(account) == 7
        assert (grown + grown).balance(account) == 14
        assert NOTHING.balance(account) == 0
    assert Turnover(debit=3, credit=10).balance(Account.BANK) == -7
