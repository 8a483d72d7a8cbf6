"""Money in suspense is shown, placed or given back by an admin with a reason, once (A4, B16, B20, I1)."""

import asyncio
from dataclasses import dataclass, replace
from typing import Any

import pytest

from app.audit.models import Actor
from app.payments.suspense import SuspenseBusy
from tests.payments.held import hold

REASON = {"reason": "shipping, paid apart"}


def path(held, verb=""):
    return f"/api/v1/suspense/{held['id']}{verb}"


async def decide(shop, held, verb, body=None):
    return await shop.merchant.ask_as_owner("POST", path(held, f"/{verb}"), body or REASON)


async def deed_of(shop, action):
    """Return the one entry of the audit log about this action."""
    log = (await shop.merchant.ask_as_owner("GET", "/api/v1/audit-log")).data["items"]
    (deed,) = [entry for entry in log if entry["action"] == action]
    return deed


async def test_b16_an_admin_places_money_with_a_reason_once(shop, commands):
    held, _ = await hold(shop, "amount_mismatch")
    shown = (await shop.merchant.ask("GET", path(held))).data
    assert (shown["state"], shown["amount_open"], [fact["event"] for fact in shown["history"]]) == (
        "open",
        7,
        ["suspense.opened"],
    )
    commands.forget()
    placed = (await decide(shop, held, "place")).data
    assert commands.commits == 1
    assert (placed["state"], placed["amount_placed"], placed["amount_open"]) == ("placed", 7, 0)
    assert placed["placed_payment_id"] == held["payment_id"]
    assert [fact["event"] for fact in placed["history"]] == ["suspense.opened", "suspense.placed"]
    (row,) = [row for row in await shop.rows("ledger_entries") if row["cause"]["kind"] == "suspense_placement"]
    assert (row["cause"]["id"], row["payment_id"]) == (held["id"], held["payment_id"])
    assert [(leg["account"], leg["amount"]) for leg in row["legs"]] == [("suspense", 7), ("merchant_payable", 7)]
    assert await shop.events(held["id"]) == [("suspense.opened", 1), ("suspense.placed", 2)]
    deed = await deed_of(shop, "suspense.placed")
    assert (deed["target"], deed["after"]["reason"], deed["after"]["amount"]) == (held["id"], REASON["reason"], 7)
    for verb in ("place", "return"):
        again = await decide(shop, held, verb)
        assert (again.status, again.code) == (409, "suspense_not_open")
        assert again.json["error"]["details"] == {"state": "placed", "amount_open": 0}


async def test_b16_money_may_be_meant_for_another_payment_of_the_merchant_only(shop):
    held, _ = await hold(shop, "orphan_order")
    other = (await shop.create()).data
    stranger = await shop.world.merchant(webhooks=False)
    theirs = await stranger.create_payment()
    for unknown in (theirs["id"], "pmt_01ARZ3NDEKTSV4RRFFQ69G5FAV"):
        refused = await decide(shop, held, "place", REASON | {"payment_id": unknown})
        assert (refused.status, refused.code) == (404, "payment_not_found")
    placed = (await decide(shop, held, "place", REASON | {"payment_id": other["id"]})).data
    assert placed["placed_payment_id"] == other["id"]
    assert (await shop.stored(other["id"])).amount_captured == 0


@pytest.mark.parametrize("body", [{}, {"reason": "  "}, {"reason": 7}, REASON | {"payment_id": "pay_A"}])
async def test_b16_without_a_reason_nothing_is_placed(shop, body):
    held, _ = await hold(shop, "orphan_order")
    answer = await shop.merchant.ask_as_owner("POST", path(held, "/place"), body)
    assert (answer.status, answer.code) == (422, "validation_failed")
    assert (await shop.suspense())[0]["state"] == "open"


async def test_b20_an_admin_has_money_given_back_that_washold(shop):
    await shop.merchant.ask_as_owner("PATCH", "/api/v1/merchant", {"surplus_payments": "hold"})
    held, jobs = await hold(shop, "second_payment")
    assert jobs == []
    asked = (await decide(shop, held, "return")).data
    assert (asked["state"], asked["history"][-1]["event"]) == ("open", "suspense.return_requested")
    (work,) = [row for row in await shop.rows("outbox") if row["kind"] == "job"]
    assert (work["name"], work["subject"], work["payload"]["amount"]) == ("suspense.return", held["id"], held["amount"])
    deed = await deed_of(shop, "suspense.return_requested")
    assert (deed["target"], deed["after"]["amount"]) == (held["id"], held["amount"])


async def test_b16_of_two_admins_who_decide_at_once_one_is_first(shop):
    held, _ = await hold(shop, "amount_mismatch")
    answers = await asyncio.gather(*(decide(shop, held, "place") for _ in range(6)))
    assert sorted(answer.status for answer in answers) == [200, 409, 409, 409, 409, 409]
    placements = [kind for kind, _ in await shop.entries() if kind == "suspense_placement"]
    assert len(placements) == 1


@dataclass
class Overtaken:
    """A store under which somebody else changes the entry before every write."""

    inner: Any

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    async def save_decision(self, scope: Any, before: Any, after: Any, *, session: Any) -> bool:
        return False


@pytest.mark.parametrize("verb", ["place_entry", "return_entry"])
async def test_b16_a_decision_that_others_keep_overtaking_is_given_up_and_nothing_is_written(shop, verb):
    held, _ = await hold(shop, "amount_mismatch")
    suspense = replace(shop.wiring.suspense, store=Overtaken(shop.wiring.suspense.store))
    with pytest.raises(SuspenseBusy):
        await getattr(suspense, verb)(shop.merchant.scope, held["id"], actor=Actor("user", "usr_A"), reason="why not")
    assert (await shop.suspense())[0]["state"] == "open"


async def test_money_in_suspense_is_listed_by_its_state_and_of_one_merchant(shop):
    first, _ = await hold(shop, "orphan_order")
    await decide(shop, first, "place")
    listed = {
        state: [
            item["id"] for item in (await shop.merchant.ask("GET", f"/api/v1/suspense?state={state}")).data["items"]
        ]
        for state in ("open", "placed", "returned")
    }
    assert listed == {"open": [], "placed": [first["id"]], "returned": []}
    missing = await shop.merchant.ask("GET", "/api/v1/suspense/sus_01ARZ3NDEKTSV4RRFFQ69G5FAV")
    assert (missing.status, missing.code) == (404, "suspense_not_found")


async def gauges(shop):
    shop.clock.advance(seconds=10)
    text = (await shop.world.ask("GET", "/metrics")).body.decode()
    names = ("suspense_open", "suspense_oldest_open_seconds", "payment_authorized_too_long")
    found = dict(line.rsplit(" ", 1) for line in text.splitlines() if line.split(" ")[0] in names)
    return tuple(int(float(found[name])) for name in names)


async def test_i1_money_in_suspense_is_an_alarm_until_somebody_decides(shop):
    assert (await gauges(shop))[:2] == (0, 0)
    held, _ = await hold(shop, "orphan_order")
    shop.clock.advance(seconds=600)
    count, age, _ = await gauges(shop)
    assert (count, age >= 600) == (1, True)
    await decide(shop, held, "place")
    assert (await gauges(shop))[:2] == (0, 0)


async def test_c1_a_payment_that_is_authorised_for_more_than_a_day_is_an_alarm_until_it_is_captured(shop):
    payment = (await shop.create(capture_method="manual")).data
    paid = await shop.pay(payment)
    assert (await shop.verify(payment, paid)).data["status"] == "authorized"
    shop.clock.advance(seconds=86_000)
    assert (await gauges(shop))[2] == 0
    shop.clock.advance(seconds=1_000)
    assert (await gauges(shop))[2] == 1
    captured = await shop.merchant.ask("POST", f"/api/v1/payments/{payment['id']}/capture", key="c1")
    assert captured.data["status"] == "completed"
    assert (await gauges(shop))[2] == 0
