"""Whoever is erased is in nothing that is kept or shown any more; money, books and everybody else are as they were."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from app.audit.service import Actor
from app.customers.erasing import ERASE, LATE
from app.customers.erasures import apply_lines, lines_of, of_line
from app.disputes.models import Source
from app.gateways.payer import Payer
from app.kit.scope import Mode, Scope
from app.payments.models import ERASED
from tests.api.callers import NONE_SUCH, add_member, sign_in
from tests.clearing import clear
from tests.customers.conftest import ASHA, RAVI
from tests.customers.traces import NAME, OF_RAVI, TRACES, VPA, kept, shown, traces_in
from tests.inbox.conftest import Postman, new_event_id
from tests.logs import captured_logs
from tests.recovery.test_invariants import walked

ACTOR = Actor(kind="user", id="usr_x")
KEPT_WHOLE = ("refunds", "suspense", "ledger_entries", "ledger_books", "ledger_days")


async def money(counter):
    """Return payments and all of money's other documents, byte for byte; who paid is no part of them."""
    rows = {name: await counter.shop.rows(name) for name in ("payments", *KEPT_WHOLE)}
    return {name: [{**row, "payer": None} for row in found] for name, found in rows.items()}


async def settle(counter):
    """Let everything that the processor announced arrive, and be worked on."""
    account = counter.shop.merchant.account["account_id"]
    known = {row["event_id"] for row in await counter.shop.rows("inbox_events")}
    listed = await counter.shop.world.simulate("GET", f"/_sim/webhooks/events?account_id={account}")
    for event in listed.json["items"]:
        if event["id"] not in known:
            answer = await Postman(counter.shop).deliver(event["body"].encode(), event_id=event["id"])
            assert answer.status == 200, answer.body
    await counter.shop.apply_events()
    await counter.shop.drain()
    while await counter.shop.wiring.ledger.seal_next():
        pass


async def erase(counter, customer_id, **how):
    return await counter.shop.merchant.ask_as_owner("POST", f"/api/v1/customers/{customer_id}/erasure", **how)


async def progress(counter, customer_id):
    return (await counter.shop.merchant.ask("GET", f"/api/v1/customers/{customer_id}/erasure")).data


async def watch(counter):
    """Let the time pass in which something may still come, and do what is due then."""
    counter.shop.clock.advance(seconds=LATE.total_seconds())
    await counter.shop.drain(after_delays=True)


async def a_life(counter):
    """Let somebody leave traces everywhere: paid, failed, authorised, given back, disputed; return our id of them."""
    person = {**ASHA, "notes": {"ship_to": "7 Canary Lane"}, "description": f"For {NAME}"}
    upi = {**person, "method": "upi", "vpa": VPA}
    paid = await counter.sell(upi)
    disputed = await counter.sell(person)
    failed = (await counter.shop.create()).data
    await counter.shop.pay(failed, outcome="failure", **person)
    held = (await counter.shop.create(capture_method="manual")).data
    await counter.shop.pay(held, **upi)
    await counter.shop.merchant.ask("POST", f"/api/v1/payments/{held['id']}/recheck")
    await counter.give_back(paid, 20_000, "back-one")
    await counter.shop.world.add_webhook(counter.shop.merchant)
    await settle(counter)
    await contest(counter, disputed)
    await settle(counter)
    (customer,) = await counter.found(email=ASHA["email"])
    return customer


async def contest(counter, payment):
    """Let a bank ask the money back and lose; what the merchant writes names the customer."""
    ask, simulate = counter.shop.merchant.ask, counter.shop.world.simulate
    gateway_id = (await counter.shop.stored(payment["id"])).primary.id
    opened = (await simulate("POST", f"/_sim/payments/{gateway_id}/dispute", {})).json
    outcomes = counter.shop.wiring.disputes.outcomes
    gateway = await outcomes.gateways.of(counter.scope)

    async def look():
        snapshot = await gateway.get_dispute(opened["id"])
        return (await outcomes.record_dispute(counter.scope, snapshot, source=Source.POLL)).dispute

    dispute = await look()
    path = f"/api/v1/disputes/{dispute.id}"
    file = {"name": f"{NAME}.pdf", "content_type": "application/pdf", "content": "JVBERi0xLjQKJSVFT0YK"}
    added = await ask("POST", f"{path}/documents", file, key="document-one")
    documents = {"shipping_proof": [added.data["id"]]}
    evidence = {"summary": f"{NAME} got the chair at 7 Canary Lane", "documents": documents, "submit": True}
    answer = await ask("POST", f"{path}/contest", evidence, key="contest-one")
    assert (added.status, answer.status) == (201, 200), (added.body, answer.body)
    assert (await erase(counter, (await counter.found(email=ASHA["email"]))[0])).code == "customer_in_dispute"
    await simulate("POST", f"/_sim/disputes/{opened['id']}/win", {})
    await look()


async def test_t11_nothing_kept_or_shown_names_who_was_erased_and_the_books_are_as_they_were(counter):
    await counter.send_receipts()
    customer = await a_life(counter)
    for _ in range(2):
        await counter.sell({**RAVI, "method": "upi", "vpa": "ravicanary@okbank"})
    for person in (ASHA, RAVI):
        for notify in ({"email": person["email"]}, {"email": person["email"], "phone": person["contact"]}):
            await counter.send_link(notify)
    await settle(counter)
    assert {name for name, _ in traces_in(await kept(counter))} >= {
        *("payments", "customers", "inbox_events", "disputes", "notices", "payment_links"),
    }
    told = len(await counter.shop.rows("notices"))
    before, others = await money(counter), traces_in(await kept(counter), OF_RAVI)
    (ravi,) = await counter.found(phone=RAVI["contact"])
    of_ravi = (await counter.shop.merchant.ask("GET", f"/api/v1/customers/{ravi}")).data
    with captured_logs() as lines:
        answer = await erase(counter, customer)
        assert (answer.status, answer.data["status"]) == (202, "running")
        await counter.shop.drain()
    assert traces_in(await kept(counter)) == []
    assert not [trace for trace in TRACES for text in (*await shown(counter), repr(lines)) if trace in text]
    assert await money(counter) == before
    assert traces_in(await kept(counter), OF_RAVI) == others
    assert (await counter.shop.merchant.ask("GET", f"/api/v1/customers/{ravi}")).data == of_ravi
    assert await walked(counter.shop) == []
    verdict = await counter.shop.wiring.book_checks.verify(counter.scope)
    assert (verdict.breaks, verdict.next_after, verdict.unsealed_since) == ((), None, None)
    assert await counter.shop.wiring.audit.find_break(counter.scope.tenant) is None
    done = await progress(counter, customer)
    assert (done["status"], done["payments"], done["disputes"]) == ("watching", 3, 1)
    # Two links, one of them by mail and SMS; receipts of two payments by both, and of the refund once it is processed.
    assert done["links"] == 2
    assert done["notices"] in {3 + 4, 3 + 4 + 2}
    # What was counted is what is gone; another's stay.
    assert told - len(await counter.shop.rows("notices")) == done["notices"]
    await watch(counter)
    assert (await progress(counter, customer))["status"] == "done"
    assert traces_in(await kept(counter)) == []


async def test_t11_every_event_that_is_left_is_known_again_and_applied_again_without_an_effect(counter):
    customer = await a_life(counter)
    await settle(counter)
    before = {row["_id"]: row for row in await counter.shop.rows("inbox_events")}
    await erase(counter, customer)
    await counter.shop.drain()
    after = {row["_id"]: row for row in await counter.shop.rows("inbox_events")}
    facts = ("event_id", "body_digest", "type", "state", "source", "received_at", "seen")
    for event_id, row in after.items():
        assert [row[name] for name in facts] == [before[event_id][name] for name in facts]
        assert json.loads(row["body"])["event"] == json.loads(before[event_id]["body"])["event"]
    held = await money(counter)
    replay = counter.shop.merchant.ask_as_owner
    for event_id in after:
        assert (await replay("POST", f"/api/v1/events/{event_id}/replay")).status == 200
    await Postman(counter.shop).due()
    await counter.shop.apply_events()
    await counter.shop.drain()
    assert {row["state"] for row in await counter.shop.rows("inbox_events")} <= {"applied", "ignored"}
    assert await money(counter) == held
    assert traces_in(await kept(counter)) == []


async def test_t11_a_late_event_a_repeated_one_and_a_list_do_not_bring_them_back(counter):
    payment = await counter.sell(ASHA)
    postman = Postman(counter.shop)
    gateway_id = (await counter.shop.stored(payment["id"])).primary.id
    event, event_id = await postman.event_of(gateway_id, email=ASHA["email"]), new_event_id()
    await postman.deliver(event, event_id=event_id)
    await counter.shop.apply_events()
    (customer,) = await counter.found(phone=ASHA["contact"])
    await erase(counter, customer)
    await counter.shop.drain()
    await postman.deliver(event, event_id=event_id)
    await postman.deliver(event, event_id=new_event_id())
    await postman.deliver(await postman.event_of(gateway_id, "payment.authorized"), event_id=new_event_id())
    assert await counter.shop.apply_events() == 2
    await counter.shop.merchant.ask("POST", f"/api/v1/payments/{payment['id']}/recheck")
    await counter.shop.wiring.recovery.sweeps.enroll()
    while await counter.shop.wiring.recovery.sweeps.sweep_next():
        pass
    await counter.give_back(payment, 100, "back-late")
    assert await counter.room.gathering.gather_everything() == 0
    assert traces_in(await kept(counter)) == []
    assert await counter.listed() == []
    assert (await counter.shop.stored(payment["id"])).payer == ERASED


async def test_t11_what_comes_late_of_a_payment_that_nobody_completed_goes_with_the_second_walk(counter):
    await counter.sell(ASHA)
    failed = (await counter.shop.create()).data
    paid = await counter.shop.pay(failed, outcome="failure", **ASHA)
    (customer,) = await counter.found(phone=ASHA["contact"])
    await erase(counter, customer)
    await counter.shop.drain()
    postman = Postman(counter.shop)
    event = await postman.event_of(paid["error"]["metadata"]["payment_id"], "payment.failed")
    await postman.deliver(event, event_id=new_event_id())
    await postman.deliver(b"\xff", event_id=new_event_id())
    await counter.shop.apply_events()
    assert {name for name, _ in traces_in(await kept(counter))} == {"inbox_events"}
    await watch(counter)
    assert traces_in(await kept(counter)) == []
    done = await progress(counter, customer)
    assert (done["status"], done["events"], done["ended_at"] is not None) == ("done", 1, True)
    await counter.room.erasing.carry_on(counter.scope, customer)
    assert await progress(counter, customer) == done


async def test_t11_whoever_pays_again_afterwards_is_a_new_customer_and_stays_one(counter):
    await counter.sell(ASHA, amount=700)
    (customer,) = await counter.found(phone=ASHA["contact"])
    await erase(counter, customer)
    await counter.sell(ASHA, amount=900)
    await watch(counter)
    (again,) = await counter.listed()
    assert (again["email"], again["phone"], again["payments"]) == (ASHA["email"], ASHA["contact"], 1)
    assert again["id"] != customer
    assert (await progress(counter, customer))["payments"] == 1
    await counter.room.erasing.erase_customer(counter.scope, again["id"], actor=ACTOR)
    await counter.shop.drain()
    assert traces_in(await kept(counter)) == []


async def test_t11_a_payment_from_before_that_is_counted_only_now_makes_nobody_of_them(counter):
    await counter.sell(ASHA)
    (customer,) = await counter.found(phone=ASHA["contact"])
    uncounted = await counter.sell(ASHA, drains=False)
    counter.shop.clock.advance(seconds=1)
    await erase(counter, customer)
    assert not await counter.room.gathering.gather_payment(counter.scope, uncounted["id"])
    await counter.shop.drain()
    assert await counter.listed() == []
    assert traces_in(await kept(counter)) == []


async def test_t11_an_erasure_goes_on_where_it_stopped_piece_by_piece(counter):
    for _ in range(3):
        await counter.sell(ASHA)
    (customer,) = await counter.found(phone=ASHA["contact"])
    erasing = replace(counter.room.erasing, piece=1)
    begun = await erasing.erase_customer(counter.scope, customer, actor=ACTOR)
    one = await erasing._piece(counter.scope, begun)
    assert await erasing.store.save_progress(counter.scope, begun, one)
    assert not await erasing.store.save_progress(counter.scope, begun, one)
    assert (await progress(counter, customer))["payments"] == 1
    assert await erasing.erase_customer(counter.scope, customer, actor=ACTOR) == one
    await erasing.carry_on(counter.scope, customer)
    assert (await progress(counter, customer))["payments"] == 3
    jobs = [row for row in await counter.shop.rows("outbox") if row["name"] == ERASE]
    assert {(row["lane"], json.dumps(row["payload"])) for row in jobs} == {("bulk", "{}")}
    assert traces_in(await kept(counter)) == []


async def test_t11_who_was_erased_is_gone_at_once_and_asking_again_is_no_second_deed(counter):
    await counter.sell(ASHA)
    (customer,) = await counter.found(phone=ASHA["contact"])
    first, second = await erase(counter, customer), await erase(counter, customer)
    assert (first.status, second.status, second.data) == (202, 202, first.data)
    ask = counter.shop.merchant.ask
    assert (await ask("GET", f"/api/v1/customers/{customer}")).code == "customer_not_found"
    assert (await ask("GET", f"/api/v1/customers/{customer}/payments")).code == "customer_not_found"
    (deed,) = [row for row in await counter.shop.rows("audit_log") if row["action"] == "customer.erased"]
    assert (deed["target"], deed["before"]) == (customer, {})
    assert deed["after"] == {"mode": "test", "payments": 1}
    nobody = NONE_SUCH["customer_id"]
    assert (await erase(counter, nobody)).code == "customer_not_found"
    assert (await ask("GET", f"/api/v1/customers/{nobody}/erasure")).code == "erasure_not_found"


async def test_s14_only_an_owner_or_admin_erases_and_no_key(counter):
    await counter.sell(ASHA)
    (customer,) = await counter.found(phone=ASHA["contact"])
    path, world = f"/api/v1/customers/{customer}/erasure", counter.shop.world
    assert (await counter.shop.merchant.ask("POST", path)).status == 403
    for role, status in (("viewer", 403), ("developer", 403), ("admin", 202)):
        token = await sign_in(world, await add_member(counter.shop.merchant, role))
        assert (await world.ask("POST", path, bearer=token)).status == status, role
    other = await world.merchant(webhooks=False)
    assert (await other.ask_as_owner("POST", path)).code == "customer_not_found"
    assert (await other.ask_as_owner("GET", path)).code == "erasure_not_found"


async def test_t11_a_customer_who_shares_an_address_with_the_erased_one_stays(counter):
    await counter.sell(ASHA)
    shared = {"email": ASHA["email"], "contact": RAVI["contact"]}
    await counter.sell(shared)
    postman = Postman(counter.shop)
    for row in await counter.shop.rows("payments"):
        await postman.deliver(await postman.event_of(row["payment_id"]), event_id=new_event_id())
    await counter.shop.apply_events()
    (customer,) = await counter.found(phone=ASHA["contact"])
    await erase(counter, customer)
    await counter.shop.drain()
    (left,) = await counter.listed()
    assert (left["email"], left["phone"]) == (ASHA["email"], RAVI["contact"])
    bodies = [row["body"].decode() for row in await counter.shop.rows("inbox_events")]
    assert sum(ASHA["email"] in body for body in bodies) == 1
    assert not any(ASHA["contact"] in body for body in bodies)


async def test_t11_a_restored_backup_takes_the_list_of_the_erased(counter):
    await counter.sell(ASHA)
    (customer,) = await counter.found(phone=ASHA["contact"])
    database = counter.shop.wiring.database
    await counter.send_link({"email": ASHA["email"]})
    names = ("payments", "customers", "customer_payments", "payment_links", "notices")
    saved = {name: await counter.shop.rows(name) for name in names}
    await erase(counter, customer)
    await counter.shop.drain()
    lines = [line async for line in lines_of(counter.room.erasing)]
    assert not [trace for trace in TRACES if trace in "".join(lines)]
    for name, rows in {**saved, "erasures": [], "outbox": []}.items():
        await clear(database.collection(name))
        if rows:
            await database.collection(name).insert_many(rows)
    assert traces_in(await kept(counter)) != []
    assert await apply_lines(counter.room.erasing, [*lines, ""]) == (1, 0)
    await counter.shop.drain()
    assert traces_in(await kept(counter)) == []
    assert await apply_lines(counter.room.erasing, lines) == (0, 1)


@pytest.mark.parametrize("line", ["x", "[]", "{}", '{"customer_id": 1, "merchant": 1, "mode": "?", "own": []}'])
def test_a_line_that_is_no_erasure_is_refused_without_repeating_it(line):
    with pytest.raises(ValueError, match="no line of `erasures list`") as refused:
        of_line(line)
    assert refused.value.__cause__ is None


def test_a_line_from_before_there_were_notices_knows_the_identity_alone():
    facts = {"customer_id": "cus_x", "merchant": "mer_x", "mode": "test", "own": ["a key"]}
    assert of_line(json.dumps({**facts, "began_at": "2026-01-01T00:00:00Z"})).names == ("a key",)


async def test_t11_an_identity_is_known_under_both_secrets(counter):
    await counter.sell(ASHA)
    (customer,) = await counter.found(phone=ASHA["contact"])
    await erase(counter, customer)
    store, database = counter.room.erasing.store, counter.shop.wiring.database
    own = counter.room.gathering.keys.names_of(counter.scope, Payer(phone=ASHA["contact"])).own
    now = counter.shop.clock.now()
    for scope, keys, made_at, is_covered in (
        (counter.scope, own, now - timedelta(days=1), True),
        (counter.scope, own, now + timedelta(days=1), False),
        (counter.scope, ("other",), now - timedelta(days=1), False),
        (Scope(counter.scope.tenant, Mode.LIVE), own, now - timedelta(days=1), False),
    ):
        found = await database.transaction(
            lambda session, scope=scope, keys=keys, at=made_at: store.covers(scope, keys, made_at=at, session=session)
        )
        assert found is is_covered
