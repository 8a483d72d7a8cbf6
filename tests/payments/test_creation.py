"""One key, one payment, one order, whatever breaks in between (A1-A14)."""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from app.idempotency.service import fingerprint_of
from app.kit.scope import Mode, Scope
from app.payments.models import OrderState
from tests.payments.test_races import NEW, Meddling, OneGateway
from tests.stepped import AMOUNT


async def test_a1_a2_the_intent_is_written_before_the_processor_hears_of_it(shop):
    await shop.fault("POST /v1/orders", "error_before", times=None)
    answer = await shop.create(key="k-intent")
    assert (answer.status, answer.code) == (503, "processor_outcome_unknown")
    stored = await shop.stored(answer.json["error"]["details"]["payment_id"])
    assert (stored.order_state, stored.order_id, await shop.orders()) == (OrderState.UNKNOWN, None, [])
    await shop.heal()
    again = await shop.create(key="k-intent")
    assert (again.status, again.data["id"]) == (201, stored.id)
    assert [order["receipt"] for order in await shop.orders()] == [stored.id]


async def test_d1_a_creation_is_one_write_before_the_call_and_one_conditional_write_after_it(shop):
    database = shop.wiring.database.db
    await database.command("profile", 2)
    answer = await shop.create(key="k-writes")
    await database.command("profile", 0)
    names = [f"{database.name}.payments", f"{database.name}.$cmd"]
    written = database["system.profile"].find({"ns": {"$in": names}, "op": {"$in": ["insert", "update", "remove"]}})
    intent, fact = [row async for row in written.sort("ts", 1)]
    payment_id = answer.data["id"]
    assert intent["command"]["q"] == {"_id": payment_id, "tenant": shop.merchant.id, "mode": "test"}
    assert intent["command"]["upsert"]
    assert intent["command"]["u"]["$setOnInsert"]["idempotency.key"] == "k-writes"
    query = fact["command"]["q"]
    assert (query["_id"], query["order_id"]) == ({"$eq": payment_id}, None)
    assert "idempotency.owner" in query
    assert fact["command"]["u"]["$set"]["order_id"] == answer.data["order_id"]
    (made,) = (await shop.world.simulate("GET", "/_sim/journal?kind=order.created")).json["entries"]
    # Both write the time in milliseconds.
    assert intent["ts"].timestamp() - 0.001 <= made["at"] <= fact["ts"].timestamp() + 0.001


async def test_a2_the_worker_finishes_what_a_killed_process_began(shop):
    await shop.fault("POST /v1/orders", "error_before", times=None)
    answer = await shop.create()
    payment_id = answer.json["error"]["details"]["payment_id"]
    # The process died right after the intent: nobody wrote that the outcome is unknown.
    await shop.change(payment_id, order_state="requested")
    await shop.heal()
    assert await shop.check_after(60) == 1
    assert (await shop.stored(payment_id)).order_state is OrderState.READY
    assert len(await shop.orders()) == 1


@pytest.mark.parametrize("mode", ["reset_after", "error_after", "truncated_json", "html_502", "empty_200"])
async def test_a3_an_order_whose_answer_was_lost_is_found_by_its_receipt(shop, mode):
    await shop.fault("POST /v1/orders", mode)
    answer = await shop.create(key="k-lost")
    if answer.status == 503:
        answer = await shop.create(key="k-lost")
    assert answer.status == 201, answer.body
    assert [order["id"] for order in await shop.orders()] == [answer.data["order_id"]]


async def test_a3_a5_an_order_that_no_list_shows_yet_is_waited_for_and_never_made_twice(shop):
    await shop.world.simulate("POST", "/_sim/list_lag", {"seconds": 3600})
    await shop.fault("POST /v1/orders", "reset_after")
    lost = await shop.create(key="k-lag")
    assert (lost.status, lost.code) == (503, "processor_outcome_unknown")
    # The second request is refused by the receipt; what it repeats can't be looked up, so it stays unknown.
    again = await shop.create(key="k-lag")
    await shop.world.simulate("POST", "/_sim/list_lag", {"seconds": 0})
    final = again if again.status == 201 else await shop.create(key="k-lag")
    assert final.status == 201
    assert [order["id"] for order in await shop.orders()] == [final.data["order_id"]]


async def test_a4_only_the_first_order_id_is_ever_shown(shop):
    first = (await shop.create(key="k-two")).data
    # As after the death of the process that had the order and did not write it: its lease is over by the first check.
    long_ago = datetime(1970, 1, 1, tzinfo=UTC)
    await shop.change(first["id"], order_state="unknown", order_id=None, idempotency__leased_at=long_ago)
    await shop.check_after(60)
    stored = await shop.stored(first["id"])
    assert stored.order_id == first["order_id"]
    repeated = await shop.create(key="k-two")
    assert repeated.data["order_id"] == first["order_id"]
    assert len(await shop.orders()) == 1


async def test_a6_fifty_requests_with_one_key_make_one_payment_and_one_order(shop):
    answers = await asyncio.gather(*(shop.create(key="k-fifty", reference="r-fifty") for _ in range(50)))
    assert {answer.status for answer in answers} <= {201, 409}
    assert {answer.code for answer in answers if answer.status == 409} <= {"idempotency_key_in_use"}
    final = await shop.create(key="k-fifty", reference="r-fifty")
    assert {answer.body for answer in answers if answer.status == 201} == {final.body}
    assert len(await shop.orders()) == 1
    assert await shop.wiring.database.collection("payments").count_documents({}) == 1


async def test_a7_a_key_with_another_request_is_refused(shop):
    await shop.create(key="k-seven")
    other = await shop.create(key="k-seven", description="something else")
    assert (other.status, other.code) == (422, "idempotency_key_reused")
    assert len(await shop.orders()) == 1


async def test_a8_the_same_key_of_another_merchant_is_another_key(shop):
    other = await shop.world.merchant(webhooks=False)
    mine = await shop.create(key="k-eight")
    theirs = await other.ask("POST", "/api/v1/payments", {"amount": AMOUNT, "currency": "INR"}, key="k-eight")
    assert (mine.status, theirs.status) == (201, 201)
    assert mine.data["id"] != theirs.data["id"]


async def test_a9_a_holder_that_comes_back_after_its_lease_gets_what_its_twin_wrote(shop):
    payments, scope, twins = shop.wiring.payments, shop.merchant.scope, []

    async def the_lease_ends_and_a_twin_is_answered():
        early = await shop.create(key="k-nine")
        assert (early.status, early.code) == (409, "idempotency_key_in_use")
        (row,) = await shop.rows("payments")
        await shop.change(row["_id"], idempotency__leased_at=datetime(1970, 1, 1, tzinfo=UTC))
        twins.append(await shop.create(key="k-nine"))

    gateway = Meddling(await payments.gateways.of(scope), "create_order", the_lease_ends_and_a_twin_is_answered)
    late = await replace(payments, gateways=OneGateway(gateway)).create_payment(
        scope,
        replace(NEW, reference=None),
        key="k-nine",
        fingerprint=fingerprint_of("POST", "/payments", json.dumps({"amount": AMOUNT, "currency": "INR"}).encode()),
        render=lambda payment: b"what nobody may get",
    )
    (twin,) = twins
    final = await shop.create(key="k-nine")
    assert (twin.status, final.status) == (201, 201)
    assert {twin.body, late.body} == {final.body}
    assert len(await shop.orders()) == 1


async def test_a9_the_twin_of_a_ready_payment_renders_it_again(shop):
    first = await shop.create(key="k-ready")
    payments = shop.wiring.database.collection("payments")
    # The process died between the order and the answer, which the janitor's write does not keep.
    await payments.update_one(
        {"_id": first.data["id"]},
        {"$unset": {"idempotency.response": ""}, "$set": {"idempotency.leased_at": datetime(1970, 1, 1, tzinfo=UTC)}},
    )
    again = await shop.create(key="k-ready")
    assert (again.status, again.data["order_id"]) == (201, first.data["order_id"])
    assert (await shop.create(key="k-ready")).body == again.body


async def test_a10_after_a_month_the_key_is_free_and_the_reference_is_not(shop):
    first = await shop.create(key="k-ten", reference="order-10")
    shop.clock.advance(seconds=31 * 86_400)
    # The access token is of the past by now; the key is not.
    twin = await shop.create(key="k-ten", reference="order-10")
    assert (twin.status, twin.code) == (409, "reference_taken")
    fresh = await shop.create(key="k-ten", reference="order-11")
    assert fresh.status == 201
    assert fresh.data["id"] != first.data["id"]


async def test_a10_a_reference_in_use_is_refused_under_another_key(shop):
    await shop.create(reference="order-1")
    answer = await shop.create(reference="order-1")
    assert (answer.status, answer.code, answer.json["error"]["param"]) == (409, "reference_taken", "reference")
    assert len(await shop.orders()) == 1


async def test_a11_a13_a_refusal_of_the_processor_frees_key_and_reference(shop):
    await shop.fault("POST /v1/orders", "error_before", status=400)
    refused = await shop.create(key="k-thirteen", reference="order-13")
    assert (refused.status, refused.code) == (422, "payment_refused")
    listed = (await shop.merchant.ask("GET", "/api/v1/payments")).data["items"]
    assert [(row["status"], row["order_id"]) for row in listed] == [("failed", None)]
    again = await shop.create(key="k-thirteen", reference="order-13")
    assert again.status == 201
    assert await shop.check_after(10) == 0


async def test_a12_a_5xx_is_never_the_final_answer_of_a_key(shop):
    await shop.fault("POST /v1/orders", "error_before", times=3, status=500)
    answers = [await shop.create(key="k-twelve") for _ in range(6)]
    assert answers[0].status == 503
    assert answers[-1].status == 201
    assert len(await shop.orders()) == 1


async def test_a12_wrong_credentials_are_said_and_the_key_goes_on_once_they_are_right(shop):
    account = shop.merchant.account
    wrong = {"key_id": account["key_id"], "key_secret": "not-the-secret"}
    await shop.merchant.ask_as_owner("PUT", "/api/v1/merchant/processor", wrong)
    refused = await shop.create(key="k-keys")
    assert (refused.status, refused.code) == (409, "processor_credentials_refused")
    right = {"key_id": account["key_id"], "key_secret": account["key_secret"]}
    await shop.merchant.ask_as_owner("PUT", "/api/v1/merchant/processor", right)
    assert (await shop.create(key="k-keys")).status == 201


@pytest.mark.parametrize(
    ("amount", "currency"),
    [(99, "INR"), (1, "INR"), (100, "XXX"), (100, "HRK"), (1001, "KWD"), (10**15, "INR")],
)
async def test_a14_an_amount_that_the_processor_can_not_take_is_refused_before_it_is_asked(shop, amount, currency):
    answer = await shop.create(amount=amount, currency=currency)
    assert answer.status == 422
    assert answer.code in {"amount_refused", "validation_failed"}
    assert await shop.orders() == []
    assert await shop.wiring.database.collection("payments").count_documents({}) == 0


async def test_the_breaker_answers_at_once_and_the_key_goes_on_afterwards(shop):
    await shop.fault("POST /v1/orders", "error_before", times=None)
    await shop.fault("GET /v1/orders", "error_before", times=None)
    codes = {(await shop.create(key=f"k-{number}")).code for number in range(30)}
    assert "processor_unavailable" in codes
    await shop.heal()
    assert (await shop.create(key="k-29")).status == 201


@pytest.mark.parametrize("mode", ["wrong_amount", "wrong_currency"])
async def test_an_order_that_differs_from_the_request_proves_nothing_and_is_looked_up(shop, mode):
    await shop.fault("POST /v1/orders", mode)
    answer = await shop.create(key="k-lie")
    (order,) = await shop.orders()
    assert (answer.status, answer.data["order_id"], order["amount"]) == (201, order["id"], AMOUNT)


@pytest.mark.parametrize("mode", ["wrong_amount", "error_before", "unauthorized_string"])
async def test_a_lie_that_can_not_be_looked_up_is_unknown(shop, mode):
    await shop.fault("POST /v1/orders", "wrong_amount")
    await shop.fault("GET /v1/orders", mode, times=None)
    answer = await shop.create(key="k-lie")
    assert (answer.status, answer.code) == (503, "processor_outcome_unknown")
    await shop.heal()
    assert (await shop.create(key="k-lie")).status == 201
    assert len(await shop.orders()) == 1


async def test_s13_a_payment_of_the_other_mode_is_not_there(shop):
    payment = (await shop.create()).data
    live = Scope(shop.merchant.id, Mode.LIVE)
    assert await shop.wiring.payments.store.find_payment(live, payment["id"]) is None


async def test_a_request_without_a_key_is_refused(shop):
    answer = await shop.merchant.ask("POST", "/api/v1/payments", {"amount": AMOUNT})
    assert (answer.status, answer.code) == (400, "idempotency_key_required")
