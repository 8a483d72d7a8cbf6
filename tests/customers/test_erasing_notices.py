"""What was sent to somebody who is erased goes with them, and what is queued for them is not sent any more (T11)."""

from dataclasses import replace
from datetime import timedelta

from app.audit.service import Actor
from app.customers.erasing import LATE
from app.customers.keys import CustomerKeys
from app.links.erasing import LinkErasing
from app.notices.sealing import NoticeSecrets
from app.payments.payers import Payers
from app.tenants.vault import Vault
from tests.customers.conftest import ASHA, RAVI
from tests.customers.traces import kept, traces_in

ADDRESS, NUMBER = ASHA["email"], ASHA["contact"]
ROTATED = "the secret after its rotation"


async def asha(counter):
    """Let her pay, and return our id of her."""
    payment = await counter.sell(ASHA)
    (customer,) = await counter.found(phone=NUMBER)
    return payment, customer


async def walk(counter, customer):
    """Do the erasure's own job and no other."""
    await counter.shop.merchant.ask_as_owner("POST", f"/api/v1/customers/{customer}/erasure")
    await counter.room.erasing.carry_on(counter.scope, customer)


async def told(counter):
    return [(row["kind"], row["channel"], row["state"]) for row in await counter.shop.rows("notices")]


async def test_t11_what_is_queued_for_the_erased_is_removed_and_not_sent(counter):
    _, customer = await asha(counter)
    await counter.send_link({"email": ADDRESS, "phone": NUMBER})
    assert [state for *_, state in await told(counter)] == ["queued", "queued"]
    await walk(counter, customer)
    assert await told(counter) == []
    await counter.shop.drain()
    assert counter.post.box.to(ADDRESS) == counter.post.box.to(NUMBER) == []


async def test_t11_a_late_refund_of_the_erased_is_told_to_nobody(counter):
    await counter.send_receipts()
    payment, customer = await asha(counter)
    assert len(await told(counter)) == 2
    await counter.erase(customer)
    sent = [len(counter.post.box.to(to)) for to in (ADDRESS, NUMBER)]
    await counter.give_back(payment, 20_000, "back-late")
    await counter.shop.world.simulate("POST", "/_sim/clock/advance", {"seconds": 86_400 * 10})
    counter.shop.clock.advance(seconds=86_400 * 10)
    while await counter.shop.wiring.refunds.checks.check_next():
        pass
    await counter.shop.drain()
    assert {row["name"] for row in await counter.shop.rows("outbox")} >= {"refund.processed", "notices.write"}
    assert await told(counter) == []
    assert [len(counter.post.box.to(to)) for to in (ADDRESS, NUMBER)] == sent


async def test_t11_a_receipt_that_is_written_late_of_a_payment_from_before_goes_with_the_second_walk(counter):
    payment, customer = await asha(counter)
    await counter.send_receipts()
    writing, events = counter.shop.wiring.notices.jobs.writing, counter.shop.wiring.outbox.store
    (news,) = [row for row in await counter.shop.rows("outbox") if row["name"] == "payment.completed"]
    named = (await counter.shop.stored(payment["id"])).payer
    await counter.erase(customer)
    await counter.shop.change(payment["id"], payer=named)
    heard = await events.find_item(counter.scope, news["_id"])
    await writing.write_event(
        counter.scope, replace(heard, payload={"event": heard.name, "facts": dict(heard.payload)})
    )
    assert len(await told(counter)) == 2
    counter.shop.clock.advance(seconds=LATE.total_seconds())
    await counter.shop.drain(after_delays=True)
    assert traces_in(await kept(counter)) == []
    assert await told(counter) == []


async def test_t11_receipts_of_others_and_what_the_team_was_told_stay(counter):
    await counter.send_receipts()
    _, customer = await asha(counter)
    await counter.sell({"email": ADDRESS, "contact": RAVI["contact"]})
    notices, database = counter.shop.wiring.notices, counter.shop.wiring.database
    team = [row for row in await counter.shop.rows("notices") if row["channel"] == "email"][:1]
    await database.collection("notices").update_one({"_id": team[0]["_id"]}, {"$set": {"kind": "dispute_opened"}})
    await counter.erase(customer)
    left = [await notices.notices.get_notice(counter.scope, row["_id"]) for row in await counter.shop.rows("notices")]
    assert sorted((row.kind.value, notices.notices.recipient_of(row)) for row in left) == [
        ("dispute_opened", ADDRESS),
        ("payment_receipt", RAVI["contact"]),
        ("payment_receipt", ADDRESS),
    ]


async def test_t11_what_is_sent_for_a_link_from_after_the_erasure_stays(counter):
    _, customer = await asha(counter)
    await counter.send_link({"phone": NUMBER})
    await counter.erase(customer)
    counter.shop.clock.advance(seconds=timedelta(hours=1).total_seconds())
    link = await counter.send_link({"phone": NUMBER})
    counter.shop.clock.advance(seconds=LATE.total_seconds())
    await counter.shop.drain(after_delays=True)
    assert await told(counter) == [("payment_link", "sms", "sent")]
    shown = (await counter.shop.merchant.ask("GET", f"/api/v1/payment-links/{link['id']}")).data
    assert shown["notify"] == {"email": None, "phone": "+********5670"}


async def test_t11_what_was_sent_before_the_secret_was_rotated_and_to_an_old_address_goes_too(counter):
    await counter.send_receipts()
    await counter.sell({**ASHA, "email": "asha.canary.old@example.org"})
    _, customer = await asha(counter)
    await counter.send_link({"email": "asha.canary.old@example.org"})
    await counter.send_link({"email": ADDRESS})
    secret = counter.shop.wiring.settings.secret_key.get_secret_value()
    vault = Vault.of(ROTATED, secret)
    erasing, payers = counter.room.erasing, Payers(vault)
    notices = replace(erasing.shelves.notices, secrets=NoticeSecrets.of(vault, ROTATED))
    shelves = replace(
        erasing.shelves, links=LinkErasing(counter.shop.wiring.links.links.store, payers), notices=notices
    )
    keys = CustomerKeys.of(ROTATED, secret)
    rotated = replace(erasing, keys=keys, payers=payers, shelves=shelves, piece=2)
    await rotated.erase_customer(counter.scope, customer, actor=Actor("user", "usr_x"))
    while (await rotated.get_erasure(counter.scope, customer)).state.value == "running":
        await rotated.carry_on(counter.scope, customer)
    assert traces_in(await kept(counter)) == []
    assert await told(counter) == []
