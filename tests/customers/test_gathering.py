"""Customers are gathered as their payments stand: once each, in any order, by two at once, under a new secret."""

import asyncio
from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.customers.gathering import Gathering
from app.customers.keys import CustomerKeys
from app.customers.models import Turnover
from app.customers.service import Customers
from app.gateways.payer import Payer
from app.kit.scope import Mode, Scope
from app.payments.payers import Payers
from app.tenants.vault import Vault
from tests.clearing import clear
from tests.customers.conftest import ASHA, RAVI
from tests.logs import captured_logs

SETTINGS = settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


async def test_whoever_completes_a_payment_is_a_customer_with_what_they_paid(counter):
    payment = await counter.sell(ASHA, amount=50_000)
    await counter.sell({**ASHA, "contact": "098123 45670"}, amount=700)
    await counter.shop.create()
    (customer,) = await counter.listed()
    assert (customer["email"], customer["phone"], customer["masked"]) == (ASHA["email"], ASHA["contact"], False)
    assert customer["turnovers"] == [
        {"currency": "INR", "payments": 2, "amount_captured": 50_700, "amount_refunded": 0}
    ]
    assert customer["first_paid_at"] <= customer["last_paid_at"]
    whose = await counter.room.customers.find_of_payment(counter.scope, payment["id"])
    assert whose.id == customer["id"]


async def test_nobody_is_gathered_from_a_payment_that_is_not_completed_or_names_nobody(counter):
    failed = (await counter.shop.create()).data
    await counter.shop.pay(failed, outcome="failure", **ASHA)
    await counter.shop.merchant.ask("POST", f"/api/v1/payments/{failed['id']}/recheck")
    nameless = await counter.sell(ASHA, drains=False)
    await counter.shop.change(nameless["id"], payer=None)
    await counter.shop.drain()
    assert await counter.listed() == []


async def test_what_goes_back_is_counted_once_however_often_it_is_told(counter):
    payment = await counter.sell(ASHA, amount=50_000)
    await counter.give_back(payment, 20_000, "back-one")
    await counter.give_back(payment, 5_000, "back-two")
    (customer,) = await counter.listed()
    assert customer["turnovers"][0]["amount_refunded"] == 25_000
    for _ in range(3):
        assert not await counter.room.gathering.gather_payment(counter.scope, payment["id"])
    assert await counter.room.gathering.gather_everything() == 0
    assert await counter.listed() == [customer]


async def test_an_event_that_is_heard_twice_is_one_piece_of_work(counter):
    await counter.sell(ASHA)
    rows = await counter.shop.rows("outbox")
    told = next(row for row in rows if row["name"] == "payment.completed")
    item = await counter.shop.wiring.outbox.get_item(counter.scope, told["_id"])
    await counter.room.jobs.hear(item)
    await counter.room.jobs.hear(replace(item, name="payment.authorized"))
    assert [row["_id"] for row in await counter.shop.rows("outbox")] == [row["_id"] for row in rows]


async def test_two_first_payments_of_one_customer_counted_at_once_make_one_customer(counter):
    made = [await counter.sell(ASHA, drains=False) for _ in range(4)]
    gather = counter.room.gathering.gather_payment
    await asyncio.gather(*(gather(counter.scope, payment["id"]) for payment in made * 2))
    (customer,) = await counter.listed()
    assert customer["payments"] == 4


async def test_a_number_says_who_it_is_and_every_address_of_theirs_finds_them(counter):
    await counter.sell(ASHA)
    await counter.sell({**ASHA, "email": "asha.new@example.org"})
    await counter.sell(RAVI)
    first, second = await counter.listed()
    assert (first["email"], second["email"]) == (RAVI["email"], "asha.new@example.org")
    for sought in ({"email": ASHA["email"].upper()}, {"email": "asha.new@example.org"}, {"phone": "98123 45670"}):
        assert await counter.found(**sought) == [second["id"]], sought
    assert await counter.found(email="nobody@example.org") == []


async def test_without_a_number_the_address_says_who_it_is(counter):
    payers = counter.room.gathering.payers
    for _ in range(2):
        payment = await counter.sell(ASHA, drains=False)
        sealed = payers.seal(counter.scope, Payer(email="asha.canary@example.org"))
        await counter.shop.change(payment["id"], payer=sealed)
    await counter.shop.drain()
    (customer,) = await counter.listed()
    assert (customer["email"], customer["phone"], customer["payments"]) == (ASHA["email"], None, 2)


async def test_s13_one_person_who_buys_from_two_merchants_is_two_customers_that_nobody_can_join(counter):
    payment = await counter.sell(ASHA)
    other = await counter.shop.world.merchant(webhooks=False)
    gathering, payer = counter.room.gathering, Payer(email=ASHA["email"], phone=ASHA["contact"])
    scopes = (counter.scope, other.scope, Scope(counter.scope.tenant, Mode.LIVE))
    keys = [gathering.keys.names_of(scope, payer).all for scope in scopes]
    assert len({key for named in keys for key in named}) == sum(map(len, keys))
    for scope in scopes[1:]:
        assert not await gathering.gather_payment(scope, payment["id"])
        assert await counter.room.customers.list_known_by(scope, payer) == []
        assert await counter.room.customers.find_of_payment(scope, payment["id"]) is None


async def test_t6_no_address_and_no_number_is_in_a_document_of_ours_an_event_or_a_log(counter):
    with captured_logs() as lines:
        payment = await counter.sell(ASHA)
        await counter.give_back(payment, 100, "back-one")
        assert len(await counter.found(email=ASHA["email"])) == 1
    names = [*ASHA.values(), ASHA["contact"][3:], "asha.canary"]
    kept = [repr(lines), repr(await counter.shop.stored(payment["id"]))]
    # The processor's own events are kept as they came: their signature is over every byte.
    for collection in ("payments", "customers", "customer_payments", "outbox", "idempotency_keys", "audit_log"):
        kept += [repr(row) for row in await counter.shop.rows(collection)]
    assert not [name for name in names for text in kept if name in text]


async def under(counter, secret, previous):
    """Return what gathers and what finds with other secrets."""
    room = counter.room
    payers, keys = Payers(Vault.of(secret, previous)), CustomerKeys.of(secret, previous)
    gathering = Gathering(room.gathering.store, room.gathering.payments, payers, keys, room.gathering.ids)
    found = Customers(room.gathering.store, room.gathering.payments, payers, keys, room.customers.clock)
    return gathering, found


async def test_under_a_new_secret_everybody_is_found_and_counted_on_and_no_longer_needs_the_former_one(counter):
    payment = await counter.sell(ASHA)
    ravi = await counter.sell(RAVI)
    former = counter.shop.world.settings.secret_key.get_secret_value()
    gathering, found = await under(counter, "another secret", former)
    asha = Payer(phone=ASHA["contact"])
    before = await counter.room.customers.find_of_payment(counter.scope, payment["id"])
    assert [one.id for one in await found.list_known_by(counter.scope, asha)] == [before.id]
    await counter.sell(ASHA, drains=False)
    assert await gathering.gather_everything() == 3
    assert await gathering.gather_everything() == 0
    _, alone = await under(counter, "another secret", "")
    (after,) = await alone.list_known_by(counter.scope, asha)
    assert (after.id, after.payments) == (before.id, 2)
    assert alone.payer_of(after) == Payer(email=ASHA["email"], phone=ASHA["contact"])
    assert (await alone.find_of_payment(counter.scope, ravi["id"])).payments == 1


async def test_where_the_secret_is_gone_there_is_nobody_to_show_and_nothing_breaks(counter):
    payment = await counter.sell(ASHA)
    gathering, found = await under(counter, "another secret", "")
    customer = await found.find_of_payment(counter.scope, payment["id"])
    assert found.payer_of(customer) == Payer()
    assert await gathering.gather_everything() == 0


@SETTINGS
@given(data=st.data())
async def test_i3_in_any_order_any_number_of_times_and_side_by_side_the_same_customers_come_out(counter, data):
    made = await counter.shop.rows("payments")
    if not made:
        for who, amount in ((ASHA, 100), ({**ASHA, "email": "a.b@example.org"}, 250), (RAVI, 700), (RAVI, 9_900)):
            made.append(await counter.sell(who, amount=amount, drains=False))
        await counter.give_back(made[2], 300, "back-one")
        made = await counter.shop.rows("payments")
    for name in ("customers", "customer_payments"):
        await clear(counter.shop.wiring.database.collection(name))
    ids = [payment["_id"] for payment in made]
    order = data.draw(st.lists(st.sampled_from(ids), max_size=10)) + data.draw(st.permutations(ids))
    gather = counter.room.gathering.gather_payment
    at_once = data.draw(st.integers(1, 3))
    for start in range(0, len(order), at_once):
        await asyncio.gather(*(gather(counter.scope, one) for one in order[start : start + at_once]))
    found = {}
    for number in (ASHA["contact"], RAVI["contact"]):
        (one,) = await counter.room.customers.list_known_by(counter.scope, Payer(phone=number))
        found[counter.room.customers.payer_of(one)] = (one.turnovers, len(one.keys))
    assert found == {
        Payer(email="a.b@example.org", phone=ASHA["contact"]): ({"INR": Turnover(2, 350, 0)}, 3),
        Payer(email=RAVI["email"], phone=RAVI["contact"]): ({"INR": Turnover(2, 10_600, 300)}, 2),
    }
