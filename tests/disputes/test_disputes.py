"""Disputes from the bank's word to the books, and back."""

import asyncio
import base64
import json
import secrets

import pytest

from tests.stepped import AMOUNT

CREATED = "payment.dispute.created"
DAY = 86_400
PDF = base64.b64encode(b"%PDF-1.4 a receipt").decode()


def key() -> str:
    # Twelve digits at most: more may look like a card's number (S18).
    return secrets.token_hex(6)


async def opened(desk, **how):
    """Return the dispute as it is shown here, after its event."""
    await desk.open(**how)
    await desk.tell(CREATED)
    return await desk.only()


async def test_b1_a_dispute_is_learnt_from_its_event(desk):
    dispute = await opened(desk, reason_code="1062")
    assert (dispute["status"], dispute["amount"], dispute["amount_deducted"]) == ("open", AMOUNT, 0)
    assert (dispute["payment_id"], dispute["reason_code"]) == (desk.payment["id"], "1062")
    assert dispute["respond_by"] is not None
    assert await desk.entries() == []
    assert await desk.told() == ["dispute.created"]


async def test_b3_the_same_event_again_has_no_second_effect(desk):
    await opened(desk)
    await desk.tell(CREATED)
    await desk.tell(CREATED)
    assert (await desk.only())["history"][-1]["event"] == "dispute.opened"
    assert await desk.told() == ["dispute.created"]


async def test_one_event_may_tell_of_several_disputes(desk):
    told = [await desk.open(amount=amount) for amount in (100, 200)]
    body = {
        "entity": "event",
        "account_id": desk.shop.merchant.account["account_id"],
        "event": CREATED,
        "payload": {"dispute": [{"entity": one} for one in told]},
        "created_at": told[0]["created_at"],
    }
    await desk.receive(json.dumps(body).encode(), event_id="several")
    await desk.apply()
    assert sorted(one["amount"] for one in (await desk.ask("GET", "/disputes")).data["items"]) == [100, 200]


async def test_b2_without_any_event_a_look_finds_how_it_went(desk):
    dispute = await opened(desk)
    await desk.decide(dispute["gateway_dispute_id"], "lose")
    await desk.checked(DAY + 1)
    found = await desk.only()
    assert (found["status"], found["amount_deducted"]) == ("lost", AMOUNT)
    assert found["history"][-1]["source"] == "poll"
    assert await desk.entries() == [("dispute_deduction", AMOUNT, "disputes", "processor_receivable")]
    assert await desk.told() == ["dispute.created", "dispute.lost"]


@pytest.mark.parametrize(("decision", "status"), [("win", "won"), ("close", "closed")])
async def test_what_is_won_or_closed_takes_nothing(desk, decision, status):
    dispute = await opened(desk)
    await desk.decide(dispute["gateway_dispute_id"], decision)
    await desk.tell(f"payment.dispute.{status}")
    assert (await desk.only())["status"] == status
    assert await desk.entries() == []
    assert (await desk.refund(key())).status == 201


async def test_c11_while_a_dispute_is_open_or_lost_nothing_is_refunded(desk):
    dispute = await opened(desk)
    refused = await desk.refund(key())
    assert (refused.status, refused.code) == (409, "refund_while_disputed")
    await desk.decide(dispute["gateway_dispute_id"], "lose")
    await desk.tell("payment.dispute.lost")
    refused = await desk.refund(key())
    assert (refused.status, refused.code) == (409, "refund_while_disputed")


async def test_c11_a_won_dispute_beside_an_open_one_still_holds_the_money(desk):
    first = await opened(desk, amount=AMOUNT // 2)
    await desk.open(amount=AMOUNT // 2)
    await desk.tell(CREATED)
    await desk.decide(first["gateway_dispute_id"], "win")
    await desk.tell("payment.dispute.won")
    assert (await desk.refund(key())).code == "refund_while_disputed"


async def test_b6_an_old_event_leads_nothing_back_and_makes_the_worker_look(desk):
    dispute = await opened(desk)
    await desk.decide(dispute["gateway_dispute_id"], "lose")
    await desk.tell("payment.dispute.lost")
    before = await desk.only()
    body = {"resend": True}
    account = desk.shop.merchant.account["account_id"]
    listed = await desk.shop.world.simulate("GET", f"/_sim/webhooks/events?account_id={account}&event={CREATED}")
    assert listed.json["items"], body
    await desk.shop.wiring.database.collection("inbox_events").delete_many({})
    await desk.tell(CREATED)
    assert await desk.only() == before
    await desk.checked(6)
    assert (await desk.only())["status"] == "lost"
    assert await desk.told() == ["dispute.created", "dispute.lost"]


async def test_b6_late_news_of_a_loss_before_the_win_takes_nothing_and_makes_the_worker_look(desk):
    dispute = await opened(desk)
    for decision in ("lose", "reverse"):
        await desk.decide(dispute["gateway_dispute_id"], decision)
    await desk.tell("payment.dispute.won")
    # Nobody looks at it any more: the news alone brings the look back.
    await desk.shop.wiring.database.collection("disputes").update_one({}, {"$set": {"next_check_at": None}})
    await desk.tell("payment.dispute.lost")
    assert ((await desk.only())["status"], (await desk.only())["amount_deducted"]) == ("won", 0)
    await desk.checked(6)
    assert (await desk.only())["status"] == "won"
    assert await desk.told() == ["dispute.created", "dispute.won"]


async def test_a_dispute_that_is_accepted_is_lost_at_once(desk):
    dispute = await opened(desk)
    same = key()
    answer = await desk.ask("POST", f"/disputes/{dispute['id']}/accept", key=same)
    assert (answer.status, answer.data["status"], answer.data["answered"]) == (200, "lost", "accepted")
    assert [fact["event"] for fact in answer.data["history"]] == ["dispute.opened", "dispute.accepted", "dispute.lost"]
    assert (await desk.ask("POST", f"/disputes/{dispute['id']}/accept", key=same)).body == answer.body
    again = await desk.ask("POST", f"/disputes/{dispute['id']}/accept", key=key())
    assert (again.status, again.data["status"]) == (200, "lost")
    assert await desk.entries() == [("dispute_deduction", AMOUNT, "disputes", "processor_receivable")]
    refused = await desk.ask(
        "POST", f"/disputes/{dispute['id']}/contest", {"summary": "No.", "documents": {}}, key=key()
    )
    assert (refused.status, refused.code) == (409, "dispute_not_open")


async def test_c3_an_acceptance_whose_answer_is_lost_is_found(desk):
    dispute = await opened(desk)
    await desk.shop.fault("POST /v1/disputes/{id}/accept", "reset_after")
    same = key()
    lost = await desk.ask("POST", f"/disputes/{dispute['id']}/accept", key=same)
    assert (lost.status, lost.code) == (503, "processor_outcome_unknown")
    await desk.checked(6)
    assert (await desk.only())["status"] == "lost"
    assert (await desk.ask("POST", f"/disputes/{dispute['id']}/accept", key=same)).data["status"] == "lost"
    assert len(await desk.entries()) == 1


async def test_evidence_is_kept_as_a_draft_and_then_submitted(desk):
    dispute = await opened(desk)
    path = f"/disputes/{dispute['id']}"
    document = await desk.ask(
        "POST", f"{path}/documents", {"name": "receipt.pdf", "content_type": "application/pdf", "content": PDF}
    )
    assert document.status == 201, document.body
    answer = {"summary": "It was delivered.", "documents": {"shipping_proof": [document.data["id"]]}}
    draft = await desk.ask("POST", f"{path}/contest", answer, key=key())
    assert (draft.status, draft.data["status"], draft.data["answered"]) == (200, "open", "drafted")
    final = await desk.ask("POST", f"{path}/contest", answer | {"submit": True, "amount": AMOUNT}, key=key())
    assert (final.status, final.data["status"], final.data["answered"]) == (200, "under_review", "contested")
    again = await desk.ask("POST", f"{path}/contest", answer | {"submit": True}, key=key())
    assert (again.status, again.data["status"]) == (200, "under_review")
    too_late = await desk.ask("POST", f"{path}/accept", key=key())
    assert (too_late.status, too_late.code) == (409, "dispute_not_open")
    await desk.decide(dispute["gateway_dispute_id"], "require_action")
    await desk.checked(DAY + 1)
    assert (await desk.only())["status"] == "open"


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"amount": 0}, 422, "validation_failed"),
        ({"amount": 1.5}, 422, "validation_failed"),
        ({"amount": AMOUNT + 1}, 422, "dispute_amount_invalid"),
        ({"amount": 100, "currency": "USD"}, 422, "dispute_amount_invalid"),
        ({"amount": 100, "currency": "WKK"}, 422, "dispute_amount_invalid"),
        ({"summary": ""}, 422, "validation_failed"),
        ({"documents": {"shipping_proof": ["rfnd_1"]}}, 422, "validation_failed"),
        ({"documents": {"anything": ["doc_EFtmUsbwpXwBHI"]}}, 422, "validation_failed"),
        ({"documents": {"shipping_proof": ["doc_EFtmUsbwpXwBHI"]}}, 409, "dispute_answer_refused"),
    ],
)
async def test_a_bad_contest_is_refused_and_changes_nothing(desk, changes, status, code):
    dispute = await opened(desk)
    body = {"summary": "It was delivered.", "documents": {}} | changes
    answer = await desk.ask("POST", f"/disputes/{dispute['id']}/contest", body, key=key())
    assert (answer.status, answer.code) == (status, code)
    assert (await desk.only())["status"] == "open"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"content": "not base64!"}, "document_unacceptable"),
        ({"content": "===="}, "document_unacceptable"),
        ({"content_type": "text/html"}, "validation_failed"),
        ({"name": "../secret"}, "validation_failed"),
    ],
)
async def test_a_bad_document_is_refused(desk, changes, code):
    dispute = await opened(desk)
    body = {"name": "receipt.pdf", "content_type": "application/pdf", "content": PDF} | changes
    answer = await desk.ask("POST", f"/disputes/{dispute['id']}/documents", body)
    assert (answer.status, answer.code) == (422, code)


async def test_s13_another_merchants_dispute_is_not_there(desk):
    dispute = await opened(desk)
    stranger = await desk.shop.world.merchant(webhooks=False)
    for method, path in (("GET", ""), ("POST", "/accept")):
        answer = await stranger.ask(method, f"/api/v1/disputes/{dispute['id']}{path}", key=key())
        assert (answer.status, answer.code) == (404, "dispute_not_found")
    assert (await stranger.ask("GET", "/api/v1/disputes")).data["items"] == []


async def test_the_most_urgent_comes_first(desk):
    for days in (9, 2, 5):
        await desk.open(amount=100, respond_seconds=days * DAY)
    await desk.tell(CREATED)
    urgent = (await desk.ask("GET", "/disputes/urgent?limit=2")).data["items"]
    everything = (await desk.ask("GET", "/disputes/urgent")).data["items"]
    days = [dispute["respond_by"] for dispute in everything]
    assert len(everything) == 3
    assert days == sorted(days)
    assert urgent == everything[:2]


async def test_b19_a_dispute_of_nobodys_payment_is_ignored(desk):
    other = await desk.shop.at_processor("POST", "/v1/orders", {"amount": 100, "currency": "INR"})
    paid = (await desk.shop.world.simulate("POST", f"/_sim/orders/{other['id']}/pay", {"method": "card"})).json
    await desk.shop.world.simulate("POST", f"/_sim/payments/{paid['razorpay_payment_id']}/dispute", {})
    await desk.tell(CREATED)
    assert (await desk.ask("GET", "/disputes")).data["items"] == []
    [event] = (await desk.ask("GET", "/events?type=payment.dispute.created")).data["items"]
    assert (event["state"], event["reason"]) == ("ignored", "not_our_dispute")


async def test_b18_event_and_look_at_the_same_moment_have_one_effect(desk):
    dispute = await opened(desk)
    await desk.decide(dispute["gateway_dispute_id"], "lose")
    desk.shop.clock.advance(seconds=DAY + 1)
    await asyncio.gather(
        *(desk.tell("payment.dispute.lost") for _ in range(3)),
        *(desk.shop.wiring.disputes.checks.check_next() for _ in range(3)),
    )
    assert await desk.told() == ["dispute.created", "dispute.lost"]
    assert len(await desk.entries()) == 1


async def test_a_look_that_fails_is_tried_again(desk):
    dispute = await opened(desk)
    await desk.decide(dispute["gateway_dispute_id"], "lose")
    await desk.shop.fault("GET /v1/disputes/{id}", "error_before", times=None)
    await desk.checked(DAY + 1)
    assert (await desk.only())["status"] == "open"
    await desk.shop.heal()
    await desk.checked(601)
    assert (await desk.only())["status"] == "lost"
