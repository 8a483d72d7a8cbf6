"""Disputes: opened by banks, answered or given up, decided, and lost when nobody answers."""

import pytest

from tests.razorpay_simulator.test_documents import upload

WEEK = 7 * 86_400


async def opened(call, payment=None, **how):
    """Let a bank dispute a captured payment."""
    payment = payment or await call.captured(50_000)
    return await call.ok("POST", f"/_sim/payments/{payment['id']}/dispute", how)


async def contest(call, dispute, **body):
    return await call.ok("PATCH", f"/v1/disputes/{dispute['id']}/contest", body)


async def submitted(call, **how):
    """Return a dispute whose evidence is with the bank."""
    return await contest(call, await opened(call, **how), billing_proof=[(await upload(call))["id"]], action="submit")


async def decide(call, dispute, decision, **how):
    return await call.ok("POST", f"/_sim/disputes/{dispute['id']}/{decision}", how)


async def facts(call):
    entries = (await call.ok("GET", "/_sim/journal"))["entries"]
    return [(one["kind"], one["deducted"], one["by"]) for one in entries if one["kind"].startswith("dispute.")]


async def test_an_open_dispute_has_a_deadline_and_takes_nothing(call):
    payment = await call.captured(50_000)
    made = await opened(call, payment, amount=30_000, phase="fraud", reason_code="10.4", respond_seconds=3600)
    assert (made["entity"], made["payment_id"], made["status"]) == ("dispute", payment["id"], "open")
    assert (made["amount"], made["amount_deducted"], made["currency"]) == (30_000, 0, "INR")
    assert (made["phase"], made["reason_code"]) == ("fraud", "10.4")
    assert made["respond_by"] - made["created_at"] in {3600, 3601}
    assert (made["evidence"]["amount"], made["evidence"]["submitted_at"]) == (30_000, None)
    assert await call.ok("GET", f"/v1/disputes/{made['id']}") == made
    assert (await call.ok("GET", "/v1/disputes"))["items"] == [made]
    assert (await call.event_names())[-1] == "payment.dispute.created"


async def test_an_accepted_dispute_is_lost_and_deducted(call):
    await call.ok("PUT", "/_sim/accounts/refunds", {"refund_balance": 60_000})
    made = await opened(call)
    lost = await call.ok("POST", f"/v1/disputes/{made['id']}/accept", {})
    assert (lost["status"], lost["amount_deducted"]) == ("lost", 50_000)
    assert await facts(call) == [("dispute.created", 0, "bank"), ("dispute.lost", 50_000, "merchant")]
    assert (await call.event_names())[-1] == "payment.dispute.lost"
    assert (await call.ok("GET", "/_sim/accounts"))["items"][0]["refund_balance"] == 10_000


async def test_nobody_answers_and_the_deadline_loses_it(call):
    made = await opened(call)
    await call.advance(WEEK - 60)
    assert (await call.ok("GET", f"/v1/disputes/{made['id']}"))["status"] == "open"
    await call.advance(60)
    seen = await call.ok("GET", f"/v1/disputes/{made['id']}")
    assert (seen["status"], seen["amount_deducted"]) == ("lost", 50_000)
    assert (await facts(call))[-1] == ("dispute.lost", 50_000, "deadline")


async def test_a_draft_is_kept_and_only_submitting_sends_it(call):
    made, slip = await opened(call), (await upload(call))["id"]
    draft = await contest(call, made, summary="It came.", shipping_proof=[slip], amount=20_000)
    assert (draft["status"], draft["evidence"]["submitted_at"]) == ("open", None)
    others = [{"type": "receipt", "document_ids": [slip]}]
    sent = await contest(call, made, others=others, shipping_proof=None, action="submit")
    evidence = sent["evidence"]
    assert (sent["status"], evidence["summary"], evidence["amount"]) == ("under_review", "It came.", 20_000)
    assert (evidence["shipping_proof"], evidence["others"]) == (None, others)
    assert evidence["submitted_at"] >= made["created_at"]
    assert (await call.event_names())[-1] == "payment.dispute.under_review"
    await call.advance(2 * WEEK)
    assert (await call.ok("GET", f"/v1/disputes/{made['id']}"))["status"] == "under_review"


@pytest.mark.parametrize(
    ("decision", "status", "deducted"), [("win", "won", 0), ("lose", "lost", 50_000), ("close", "closed", 0)]
)
async def test_the_bank_decides(call, decision, status, deducted):
    made = await submitted(call)
    ended = await decide(call, made, decision)
    assert (ended["status"], ended["amount_deducted"]) == (status, deducted)
    assert (await call.event_names())[-1] == f"payment.dispute.{status}"
    again = await call.refused("POST", f"/_sim/disputes/{made['id']}/{decision}", {})
    assert again["description"] == f"Action not allowed when dispute is in {status} status."


async def test_the_bank_may_ask_for_better_evidence_until_a_new_deadline(call):
    made = await submitted(call)
    await call.advance(3 * 86_400)
    asked = await decide(call, made, "require_action", respond_seconds=WEEK)
    assert (asked["status"], asked["respond_by"] > made["respond_by"]) == ("open", True)
    assert (await call.event_names())[-1] == "payment.dispute.action_required"
    await call.advance(5 * 86_400)
    assert (await call.ok("GET", f"/v1/disputes/{made['id']}"))["status"] == "open"
    await call.advance(2 * 86_400)
    assert (await call.ok("GET", f"/v1/disputes/{made['id']}"))["status"] == "lost"
    refusal = await call.refused("POST", f"/_sim/disputes/{made['id']}/require_action", {})
    assert refusal["description"] == "Action not allowed when dispute is in lost status."


async def test_what_was_won_can_be_disputed_again(call):
    payment = await call.captured(50_000)
    first = await opened(call, payment)
    await decide(call, first, "win")
    second = await opened(call, payment, phase="pre_arbitration")
    assert second["id"] != first["id"]
    assert [one["id"] for one in (await call.ok("GET", "/v1/disputes"))["items"]] == [second["id"], first["id"]]


@pytest.mark.parametrize(
    ("body", "description"),
    [
        ({"amount": 50_001}, "contest amount cannot be greater than dispute amount."),
        ({"amount": -1}, "The amount must be at least 0."),
        ({"amount": "much"}, "The amount must be an integer."),
        ({"summary": "x" * 1001}, "The summary may not be greater than 1000 characters."),
        ({"action": "shout"}, "The selected action is invalid."),
        ({"action": "submit"}, "At least one document is required to contest a dispute."),
        ({"action": "submit", "billing_proof": []}, "At least one document is required to contest a dispute."),
        ({"billing_proof": "doc_1"}, "The billing proof must be an array."),
        (
            {"billing_proof": ["doc_00000000000000"]},
            "Invalid file id provided or merchant is unauthorized to access the fileId(s) provided",
        ),
        ({"others": {}}, "The others must be an array."),
        ({"others": [{"document_ids": []}]}, "The others must be an array."),
        ({"rumour": []}, "rumour is/are not required and should not be sent"),
    ],
)
async def test_a_bad_answer_is_refused_and_changes_nothing(call, body, description):
    made = await opened(call)
    assert (await call.refused("PATCH", f"/v1/disputes/{made['id']}/contest", body))["description"] == description
    assert await call.ok("GET", f"/v1/disputes/{made['id']}") == made


@pytest.mark.parametrize(("method", "action"), [("POST", "accept"), ("PATCH", "contest")])
async def test_what_is_decided_or_under_review_can_not_be_answered(call, method, action):
    made = await submitted(call)
    refusal = await call.refused(method, f"/v1/disputes/{made['id']}/{action}", {})
    assert refusal["description"] == "Action not allowed when dispute is in under_review status."
    await decide(call, made, "win")
    refusal = await call.refused(method, f"/v1/disputes/{made['id']}/{action}", {})
    assert refusal["description"] == "Action not allowed when dispute is in won status."


async def test_an_answer_after_the_deadline_is_refused(call):
    made = await opened(call)
    call.simulator.world.default_account.disputes[made["id"]].respond_by = made["created_at"] - 1
    refusal = await call.refused("POST", f"/v1/disputes/{made['id']}/accept", {})
    assert refusal["description"] == "Action not allowed as deadline to respond has elapsed."


async def test_expanded_it_is_wrapped_and_longer(call):
    made = await submitted(call)
    seen = await call.ok("GET", f"/v1/disputes/{made['id']}?expand[]=payment")
    assert (seen["success"], seen["data"]["payment"]["id"]) == (True, made["payment_id"])
    assert seen["data"]["lifecycle"][0]["change"] == {"old": {"status": "open"}, "new": {"status": "under_review"}}
    assert "payment" not in (await call.ok("GET", f"/v1/disputes/{made['id']}?expand[]=transaction.settlement"))["data"]
    for path in ("/v1/disputes", f"/v1/disputes/{made['id']}"):
        answer = await call("GET", f"{path}?expand[]=card")
        assert (answer.status, answer.body["status_code"], answer.body["success"]) == (400, 400, False)
        assert answer.body["errors"][0].startswith("Value of each expand must be one of")


async def test_only_captured_payments_of_enough_are_disputed(call):
    held = (await call.pay(await call.order(), outcome="authorize_only"))["payment"]
    for payment, body in (
        (held, {}),
        (await call.captured(), {"amount": 50_001}),
        (await call.captured(), {"phase": "war"}),
        ({"id": "pay_x"}, {}),
    ):
        assert (await call("POST", f"/_sim/payments/{payment['id']}/dispute", body)).status == 400
    assert (await call("POST", "/_sim/disputes/disp_x/win", {})).status == 400
    assert (await call("POST", f"/_sim/disputes/{(await opened(call))['id']}/eat", {})).status == 400


async def test_r9_something_new_between_two_pages_moves_the_rest_on(call):
    payment = await call.captured()
    for _ in range(3):
        await call.ok("POST", f"/v1/payments/{payment['id']}/refund", {"amount": 100})
    await opened(call, payment)
    for route in ("/v1/orders", "/v1/payments", "/v1/refunds", "/v1/disputes"):
        fault = {"route": f"GET {route}", "mode": "insert_after", "times": 1}
        await call.ok("POST", "/_sim/faults", fault)
        first = await call.ok("GET", f"{route}?count=1")
        second = await call.ok("GET", f"{route}?count=1&skip=1")
        assert second["items"] == first["items"], route
        newest = (await call.ok("GET", f"{route}?count=1"))["items"]
        assert newest != first["items"], route


async def test_r9_where_there_is_nothing_to_make_something_of_nothing_is_made(call):
    spent = await call.captured(150)
    await call.ok("POST", f"/v1/payments/{spent['id']}/refund", {"amount": 100})
    await call.ok("POST", "/_sim/faults", {"route": "GET /v1/refunds", "mode": "insert_after", "times": 1})
    assert (await call.ok("GET", "/v1/refunds"))["count"] == (await call.ok("GET", "/v1/refunds"))["count"] == 1
    await call.ok("POST", "/_sim/reset")
    for route in ("/v1/refunds", "/v1/disputes", "/v1/customers"):
        await call.ok("POST", "/_sim/faults", {"route": f"GET {route}", "mode": "insert_after", "times": 1})
        await call.ok("GET", route)
        assert (await call.ok("GET", route))["count"] == 0


async def test_r7_a_contradictory_dispute_or_refund_says_nonsense(call):
    made = await opened(call)
    refund = await call.ok("POST", f"/v1/payments/{made['payment_id']}/refund", {"amount": 100})
    await call.ok("POST", "/_sim/faults", {"route": "GET /v1/*", "mode": "contradictory"})
    assert (await call.ok("GET", f"/v1/disputes/{made['id']}"))["amount_deducted"] == -1
    assert (await call.ok("GET", f"/v1/refunds/{refund['id']}"))["amount"] == 0
