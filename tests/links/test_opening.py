"""From a link to its payment: one that counts, whoever opens it how often, and whatever breaks in between."""

import asyncio
import re
from dataclasses import replace
from datetime import timedelta

import pytest

from app.links.models import LinkStatus, Slot
from app.links.opening import MOST_PAYMENTS, MOST_TRIES
from app.links.problems import LinkAmountRefused, LinkBusy, LinkClosed, LinkTooOften
from app.payments.models import PaymentStatus
from app.payments.problems import PaymentRefused, ProcessorOutcomeUnknown
from tests.links.counter import VISIT
from tests.payments.test_races import Meddling, OneGateway

DAY = 86_400


async def opened_in_the_end(counter, link):
    """Open a link, again and again while it is busy, as its page tells customers to."""
    async with asyncio.timeout(60):
        while True:
            try:
                return await counter.open(link)
            except LinkBusy as busy:
                await asyncio.sleep(busy.retry_after_seconds)


async def test_a6_forty_customers_at_once_share_the_one_payment_of_a_link(shop, counter):
    link = await counter.make(reference="invoice-7", description="Two tickets")
    payments = await asyncio.gather(*(opened_in_the_end(counter, link) for _ in range(40)))
    (payment_id,) = {payment.id for payment in payments}
    assert (payments[0].money.minor, payments[0].reference, payments[0].description) == (
        50_000,
        "invoice-7",
        "Two tickets",
    )
    assert await counter.payments(link) == ["pending"]
    assert len(await shop.orders()) == 1
    shown = await counter.shown(link)
    assert (shown["payment_id"], shown["status"]) == (payment_id, "active")
    answer = await shop.merchant.ask("GET", f"/api/v1/payments/{payment_id}")
    assert answer.data["link_id"] == link["id"]


async def test_a2_a_crash_between_the_slot_and_its_payment_ends_in_one_payment(shop, counter):
    link = await counter.make()
    store, scope = counter.opening.store, shop.merchant.scope
    # The process died after it had written which payment comes next.
    assert await store.claim_slot(scope, await counter.stored(link), Slot(1, 50_000))
    first = await counter.open(link)
    # And now after it had made the payment and before it had written its id.
    links = shop.wiring.database.collection("payment_links")
    await links.update_one({"_id": link["id"]}, {"$set": {"slot.payment_id": None}})
    again = await counter.open(link)
    assert again.id == first.id
    assert len(await shop.orders()) == 1


async def test_a3_an_order_of_unknown_outcome_is_gone_on_with_by_the_next_who_opens_the_link(shop, counter):
    link = await counter.make()
    await shop.fault("POST /v1/orders", "error_before", times=None)
    with pytest.raises(ProcessorOutcomeUnknown):
        await counter.open(link)
    await shop.heal()
    payment = await counter.open(link)
    assert payment.order_id is not None
    assert await counter.payments(link) == ["pending"]
    assert len(await shop.orders()) == 1


async def test_a10_a_visit_whose_key_is_forgotten_makes_no_second_payment(shop, counter):
    link = await counter.make()
    first = await counter.open(link)
    links = shop.wiring.database.collection("payment_links")
    await links.update_one({"_id": link["id"]}, {"$set": {"slot.payment_id": None}})
    shop.clock.advance(seconds=31 * DAY)
    again = await counter.open(link)
    # It is found, has expired long ago, and the next one takes its place.
    assert again.id != first.id
    assert (await shop.stored(first.id)).status is PaymentStatus.CANCELLED


async def test_a13_a_link_whose_order_was_refused_can_be_opened_again(shop, counter):
    link = await counter.make()
    await shop.fault("POST /v1/orders", "error_before", status=400)
    with pytest.raises(PaymentRefused):
        await counter.open(link)
    assert (await counter.open(link)).order_id is not None


async def test_i1_a_paid_link_is_paid_once_and_says_so_with_or_without_the_worker(shop, counter):
    link = await counter.make()
    payment = await counter.open(link)
    await counter.pay(payment)
    # The job has not run: what is stored is old, what is shown is true.
    assert (await counter.stored(link)).status is LinkStatus.ACTIVE
    assert (await counter.shown(link))["status"] == "paid"
    with pytest.raises(LinkClosed) as refused:
        await counter.open(link)
    assert refused.value.details == {"status": "paid", "payment_id": payment.id}
    await shop.drain()
    assert (await counter.stored(link)).status is LinkStatus.PAID
    listed = await counter.ask("GET", "?status=paid")
    assert [row["id"] for row in listed.data["items"]] == [link["id"]]
    assert await shop.events(link["id"]) == [("payment_link.created", 1), ("payment_link.paid", 2)]


async def test_b3_a_link_is_settled_once_however_often_its_job_runs(shop, counter):
    link = await counter.make()
    payment = await counter.open(link)
    links, scope = shop.wiring.links.links, shop.merchant.scope
    await links.settle_link(scope, link["id"], payment_id=payment.id)
    assert (await counter.stored(link)).status is LinkStatus.ACTIVE
    await counter.pay(payment)
    await asyncio.gather(*(links.settle_link(scope, link["id"], payment_id=payment.id) for _ in range(5)))
    assert [name for name, _ in await shop.events(link["id"])] == ["payment_link.created", "payment_link.paid"]


async def test_b20_a_second_payment_of_the_same_order_goes_to_suspense(shop, counter):
    link = await counter.make()
    payment = await counter.open(link)
    await shop.pay({"order_id": payment.order_id}, double=True)
    await counter.look(payment)
    assert [row["reason"] for row in await shop.suspense()] == ["second_payment"]
    assert await counter.payments(link) == ["completed"]


async def test_b20_money_for_a_payment_that_was_replaced_goes_to_suspense(shop, counter):
    link = await counter.make()
    first = await counter.open(link)
    shop.clock.advance(seconds=2 * DAY)
    second = await counter.open(link)
    assert second.id != first.id
    await counter.pay(second)
    await counter.pay(first)
    assert sorted(await counter.payments(link)) == ["cancelled", "completed"]
    assert [row["reason"] for row in await shop.suspense()] == ["paid_after_cancel"]
    assert (await counter.shown(link))["payment_id"] == second.id


async def test_b7_a_payment_that_has_expired_by_the_worker_is_replaced_too(shop, counter):
    link = await counter.make()
    first = await counter.open(link)
    await shop.check_after(2 * DAY)
    assert (await shop.stored(first.id)).status is PaymentStatus.EXPIRED
    second = await counter.open(link)
    assert sorted(await counter.payments(link)) == ["cancelled", "pending"]
    assert second.order_id != first.order_id


async def test_b7_a_failed_try_leaves_the_same_payment_to_be_tried_again(shop, counter):
    link = await counter.make()
    first = await counter.open(link)
    await shop.pay({"order_id": first.order_id}, outcome="failure")
    await counter.look(first)
    assert (await shop.stored(first.id)).status is PaymentStatus.FAILED
    assert (await counter.open(link)).id == first.id


async def test_a_payment_that_the_merchant_cancelled_is_replaced(shop, counter):
    link = await counter.make()
    first = await counter.open(link)
    await shop.merchant.ask("POST", f"/api/v1/payments/{first.id}/cancel")
    assert (await counter.open(link)).id != first.id
    assert sorted(await counter.payments(link)) == ["cancelled", "pending"]


async def test_the_amount_that_was_chosen_last_counts(shop, counter):
    link = await counter.make(min_amount=10_000, max_amount=90_000)
    first = await counter.open(link, amount=10_000)
    assert (await counter.open(link, amount=10_000)).id == first.id
    second = await counter.open(link, amount=20_000)
    assert second.money.minor == 20_000
    assert sorted(await counter.payments(link)) == ["cancelled", "pending"]


async def test_of_two_who_choose_another_amount_at_once_one_payment_stays_open(shop, counter):
    link = await counter.make(min_amount=10_000, max_amount=90_000)
    amounts = [10_000, 20_000, 30_000, 40_000]
    opened = await asyncio.gather(
        *(counter.open(link, amount=amount) for amount in amounts * 2), return_exceptions=True
    )
    assert all(isinstance(one, LinkBusy) or one.money.minor in amounts for one in opened), opened
    assert (await counter.payments(link)).count("pending") == 1
    current = (await counter.shown(link))["payment_id"]
    assert (await shop.stored(current)).status is PaymentStatus.PENDING


@pytest.mark.parametrize("amount", [None, 9_999, 90_001, 0, -1])
async def test_a14_an_amount_that_the_link_does_not_take_is_refused(counter, amount):
    link = await counter.make(min_amount=10_000, max_amount=90_000)
    with pytest.raises(LinkAmountRefused):
        await counter.open(link, amount=amount)
    assert await counter.payments(link) == []


async def test_a14_another_amount_than_the_links_own_and_a_digit_that_is_ignored_are_refused(counter):
    fixed = await counter.make()
    with pytest.raises(LinkAmountRefused):
        await counter.open(fixed, amount=49_999)
    dinars = await counter.make(min_amount=1_000, max_amount=90_000, currency="KWD")
    with pytest.raises(LinkAmountRefused):
        await counter.open(dinars, amount=1_001)


async def test_a_reusable_link_makes_a_payment_for_each_visit(shop, counter):
    link = await counter.make(reusable=True)
    visits = [f"visit-number-{number:04}" for number in range(3)]
    opened = await asyncio.gather(*(counter.open(link, visit=visit) for visit in visits * 4))
    assert len({payment.id for payment in opened}) == len(visits)
    await counter.pay(opened[0])
    await counter.pay(opened[1])
    await shop.drain()
    assert sorted(await counter.payments(link)) == ["completed", "completed", "pending"]
    shown = await counter.shown(link)
    assert (shown["status"], shown["payment_id"]) == ("active", None)
    with pytest.raises(LinkBusy):
        await counter.open(link, visit="too short")


async def test_p5_a_link_makes_a_bounded_number_of_payments_in_a_minute(shop, counter):
    link = await counter.make(reusable=True)
    store, scope = counter.opening.store, shop.merchant.scope
    now = shop.clock.now()
    turns = await asyncio.gather(
        *(store.take_turn(scope, link["id"], at=now, most=MOST_PAYMENTS, seconds=60) for _ in range(70))
    )
    assert turns.count(True) == MOST_PAYMENTS
    with pytest.raises(LinkTooOften):
        await counter.open(link)
    assert await counter.payments(link) == []
    shop.clock.advance(seconds=61)
    assert (await counter.open(link)).order_id is not None


async def test_p5_a_refused_order_is_not_asked_for_without_end(shop, counter):
    link = await counter.make()
    await shop.fault("POST /v1/orders", "error_before", status=400, times=None)
    store, scope = counter.opening.store, shop.merchant.scope
    for _ in range(2):
        with pytest.raises(PaymentRefused):
            await counter.open(link)
    now = shop.clock.now()
    while await store.take_turn(scope, link["id"], at=now, most=MOST_TRIES, seconds=60):
        pass
    with pytest.raises(LinkTooOften):
        await counter.open(link)


async def test_the_links_expiry_bounds_that_of_its_payments(shop, counter):
    expires_at = shop.clock.now().replace(microsecond=0) + timedelta(hours=1)
    link = await counter.make(expires_at=expires_at.isoformat())
    payment = await counter.open(link)
    assert payment.expires_at == expires_at
    shop.clock.advance(seconds=3600)
    with pytest.raises(LinkClosed) as refused:
        await counter.open(link)
    assert refused.value.details["status"] == "expired"


async def test_b7_a_link_that_expired_while_somebody_paid_is_shown_paid(shop, counter):
    link = await counter.make(expires_at=(shop.clock.now() + timedelta(minutes=30)).isoformat())
    payment = await counter.open(link)
    await shop.check_after(3600)
    assert (await counter.shown(link))["status"] == "expired"
    await counter.pay(payment)
    await shop.drain()
    assert (await counter.shown(link))["status"] == "paid"


async def test_cancelling_closes_what_is_open_and_late_money_goes_to_suspense(shop, counter):
    link = await counter.make()
    payment = await counter.open(link)
    answer = await counter.ask("POST", f"/{link['id']}/cancel")
    assert (answer.status, answer.data["status"]) == (200, "cancelled")
    assert (await shop.stored(payment.id)).status is PaymentStatus.CANCELLED
    with pytest.raises(LinkClosed):
        await counter.open(link)
    await counter.pay(payment)
    assert [row["reason"] for row in await shop.suspense()] == ["paid_after_cancel"]
    again = await counter.ask("POST", f"/{link['id']}/cancel")
    assert (again.status, again.code) == (409, "payment_link_closed")


async def test_p1_a_crash_while_cancelling_leaves_a_job_that_closes_every_payment(shop, counter):
    link = await counter.make(reusable=True)
    for number in range(3):
        await counter.open(link, visit=f"visit-number-{number:04}")
    await counter.ask("POST", f"/{link['id']}/cancel")
    # Those of a reusable link are the worker's alone.
    await shop.drain()
    assert await counter.payments(link) == ["cancelled"] * 3
    await shop.wiring.links.links.close_payments(shop.merchant.scope, "lnk_01KAQ7X2V8M3TZB5C6D9EFGHJK")


async def test_a_payment_that_comes_to_be_while_its_link_is_cancelled_is_shown_to_nobody(shop, counter):
    links, scope = shop.wiring.links.links, shop.merchant.scope
    gateway = await links.payments.gateways.of(scope)
    for fields in ({}, {"reusable": True}):
        link = await counter.make(**fields)

        async def cancel(link=link):
            assert await counter.payments(link) == ["pending"]
            assert (await counter.ask("POST", f"/{link['id']}/cancel")).status == 200

        payments = replace(links.payments, gateways=OneGateway(Meddling(gateway, "create_order", cancel)))
        opening = replace(counter.opening, links=replace(links, payments=payments))
        with pytest.raises(LinkClosed):
            await opening.open_payment(scope, link["id"], visit=VISIT)
        assert await counter.payments(link) == ["cancelled"]


async def test_money_that_is_authorised_when_the_link_is_cancelled_still_pays_it(shop, counter):
    link = await counter.make()
    payment = await counter.open(link)
    # The money came in the moment in which the merchant cancelled: the link moved, the payment no more.
    links, scope = shop.wiring.links.links, shop.merchant.scope
    await shop.pay({"order_id": payment.order_id})
    stored = await counter.stored(link)
    await links.store.move_status(
        scope, stored, LinkStatus.CANCELLED, at=shop.clock.now(), also=lambda _: asyncio.sleep(0)
    )
    await counter.look(payment)
    await links.close_payments(scope, link["id"])
    assert (await counter.shown(link))["status"] == "paid"
    await shop.drain()
    assert (await counter.stored(link)).status is LinkStatus.PAID


async def test_s13_the_address_names_its_link_and_a_wrong_one_names_none(shop, counter):
    link = await counter.make()
    token = link["url"].rsplit("/", 1)[1]
    assert re.fullmatch(rf"http://[^/]+/l/{link['id']}\.[A-Za-z0-9_-]{{22}}", link["url"])
    links = shop.wiring.links.links
    assert (await links.get_public(token)).id == link["id"]
    other = "lnk_01KAQ7X2V8M3TZB5C6D9EFGHJK"
    for wrong in (token[:-1], token + "A", link["id"], f"{other}.{token.split('.')[1]}", links.tokens.token_of(other)):
        with pytest.raises(Exception, match="There is no payment link"):
            await links.get_public(wrong)
    assert VISIT not in link["url"]
