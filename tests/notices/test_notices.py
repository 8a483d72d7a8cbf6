"""Whoever has to know is told: once, in good form, and without their address being anywhere to read."""

from dataclasses import replace

import pytest

from app.kit import faultpoints
from app.kit.faultpoints import arm
from app.notices.events import SEND, WRITE
from app.notices.models import TRANSITIONS, NewNotice, NoticeKind, NoticeState
from app.notices.service import MOST_A_DAY
from app.outbox.models import ItemState
from app.outbox.retry import MOST_TRIES
from app.tenants.channels import Channel
from app.webhooks.schedule import MOST_TRIES as WEBHOOK_TRIES
from tests.logs import captured_logs
from tests.notices.conftest import ASHA, MERCHANT, Office, carriers_of
from tests.stepped import stepped
from tests.webhooks.receiver import receiving

NUMBER, ADDRESS = ASHA["contact"], ASHA["email"]


async def states(office):
    return sorted((row["kind"], row["channel"], row["state"], row["reason"]) for row in await office.notices())


async def queue(office, *asked):
    notices = office.shop.wiring.notices.notices
    await office.shop.wiring.database.transaction(
        lambda session: notices.queue_notices(office.scope, asked, session=session)
    )


def to_asha(number=1, channel=Channel.SMS, **facts):
    to = NUMBER if channel is Channel.SMS else ADDRESS
    about = {"amount": 100, "currency": "INR", "payment_id": "pmt_1", **facts}
    return NewNotice(NoticeKind.PAYMENT_RECEIPT, channel, "pmt_1", f"cause-{number}", "payer", to, about)


async def test_receipts_are_off_until_the_merchant_wants_them(office):
    await office.sell()
    assert await office.notices() == []
    assert office.post.box.taken == 0


async def test_whoever_pays_gets_a_receipt_by_the_ways_that_the_merchant_switched_on(office):
    shown = await office.set(email_receipts=True, sms_receipts=True)
    assert shown == {
        "team": True, "email_receipts": True, "sms_receipts": True, "language": "en", "channels": ["email", "sms"],
    }  # fmt: skip
    payment = await office.sell(description="Two <b>tickets</b>", reference="invoice-7")
    [mail] = office.post.box.to(ADDRESS)
    assert mail.subject == "[Test] Received: ₹500.00"
    assert "A Shop has received your payment of ₹500.00" in mail.text
    assert payment["id"] in mail.text
    assert "invoice-7" in mail.text
    assert "Two &lt;b&gt;tickets&lt;/b&gt;" in mail.html
    assert "<b>" not in mail.html
    assert mail.headers["from"] == "A Shop <notices@gateway.example>"
    [text] = office.post.box.to(NUMBER)
    assert text.text == f"A Shop has received your payment of ₹500.00. Payment {payment['id']}"
    assert await states(office) == [
        ("payment_receipt", "email", "sent", None),
        ("payment_receipt", "sms", "sent", None),
    ]


async def test_a_refund_that_has_gone_back_is_told_in_the_merchant_s_language(office):
    payment = await office.sell()
    await office.set(email_receipts=True, language="hi")
    await office.give_back(payment, 20_000)
    await office.shop.world.simulate("POST", "/_sim/clock/advance", {"seconds": 86_400 * 10})
    office.shop.clock.advance(seconds=86_400 * 10)
    while await office.shop.wiring.refunds.checks.check_next():
        pass
    await office.shop.drain()
    [mail] = office.post.box.to(ADDRESS)
    assert mail.subject == "[परीक्षण] वापस किया गया: ₹200.00"
    assert 'lang="hi"' in mail.html


async def test_nobody_s_address_is_kept_logged_or_put_into_an_event(office):
    await office.set(email_receipts=True, sms_receipts=True)
    with captured_logs() as logs:
        await office.sell()
    kept = str(await office.notices()) + str(await office.shop.rows("outbox")) + str(logs)
    assert ADDRESS not in kept
    assert NUMBER not in kept
    assert "canary" not in kept


async def test_an_event_that_is_heard_twice_and_a_job_that_is_done_twice_tell_once(office):
    await office.set(email_receipts=True)
    await office.sell()
    for row in await office.shop.rows("outbox"):
        if row["name"] in {"payment.completed", WRITE, SEND}:
            await office.shop.wiring.outbox.replay_item(office.scope, row["_id"])
    await office.shop.drain()
    assert len(office.post.box.to(ADDRESS)) == 1
    assert len(await office.notices()) == 1


async def test_w6_the_team_is_mailed_once_a_day_when_an_endpoint_misses_events_for_good(office):
    async with receiving() as receiver:
        receiver.answers = [500] * WEBHOOK_TRIES * 2
        made = await office.shop.merchant.ask_as_owner(
            "POST", "/api/v1/webhook-endpoints", {"url": receiver.url, "events": ["payment.completed"]}
        )
        assert made.status == 201, made.body
        await office.sell()
        await office.sell()
        database = office.shop.wiring.database
        past = {"$dateSubtract": {"startDate": "$$NOW", "unit": "day", "amount": 2}}
        for _ in range(WEBHOOK_TRIES * 2):
            await database.collection("webhook_deliveries").update_many(
                {"state": "pending"}, [{"$set": {"next_at": past}}]
            )
            await database.collection("webhook_endpoints").update_many(
                {}, [{"$set": {"due_at": past, "rests_until": past}}]
            )
            while await office.shop.wiring.webhooks.deliveries.deliver_next():
                pass
        await office.shop.drain()
    assert [row["state"] for row in await office.shop.rows("webhook_deliveries")] == ["parked", "parked"]
    [mail] = office.post.box.to(office.shop.merchant.email)
    assert mail.subject == "[Test] Your webhook endpoint at 127.0.0.1 has missed events"
    assert f"/dashboard/webhooks/{made.data['id']}" in mail.text


async def test_w6_the_team_is_mailed_when_a_receiver_says_that_it_is_gone(office):
    async with receiving() as receiver:
        receiver.answers = [410]
        await office.shop.merchant.ask_as_owner(
            "POST", "/api/v1/webhook-endpoints", {"url": receiver.url, "events": ["payment.completed"]}
        )
        await office.sell()
        await office.shop.wiring.webhooks.deliveries.deliver_next()
        await office.shop.drain()
    [mail] = office.post.box.to(office.shop.merchant.email)
    assert "switched off" in mail.subject


async def test_the_team_learns_of_a_dispute_with_the_day_until_which_to_answer(office):
    dispute_id = await office.shop.world.add_dispute(office.shop.merchant)
    await office.shop.drain()
    [mail] = office.post.box.to(office.shop.merchant.email)
    assert mail.subject == "[Test] A customer's bank disputes ₹500.00"
    assert "Answer by: " in mail.text
    assert f"/dashboard/disputes/{dispute_id}" in mail.text
    await office.set(team=False)
    await office.shop.world.add_dispute(office.shop.merchant)
    await office.shop.drain()
    assert len(office.post.box.messages) == 1


async def test_a_carrier_that_is_down_gets_it_later_with_the_same_message_id(office):
    await office.set(email_receipts=True)
    office.post.box.smtp_answers.append(f"451 4.3.0 {ADDRESS} later")
    await office.sell()
    assert await states(office) == [("payment_receipt", "email", "queued", "smtp_451")]
    await office.shop.drain(after_delays=True)
    assert await states(office) == [("payment_receipt", "email", "sent", None)]
    [row] = await office.notices()
    assert row["tries"] == 2
    assert office.post.box.to(ADDRESS)[0].headers["message-id"] == f"<{row['_id'].lower()}@gateway.example>"


async def test_what_is_refused_for_good_fails_at_once_and_a_dead_carrier_fails_at_the_last_try(office):
    await office.set(email_receipts=True, sms_receipts=True)
    office.post.box.smtp_answers.append("550 5.1.1 nobody")
    office.post.box.sms_answers.extend([503] * MOST_TRIES)
    with captured_logs() as logs:
        await office.sell()
        for _ in range(MOST_TRIES):
            await office.shop.drain(after_delays=True)
    assert await states(office) == [
        ("payment_receipt", "email", "failed", "smtp_550"),
        ("payment_receipt", "sms", "failed", "status_503"),
    ]
    assert {log["event"] for log in logs} >= {"notice_failed"}
    [parked] = [row for row in await office.shop.rows("outbox") if row["state"] == ItemState.PARKED]
    await office.shop.wiring.outbox.replay_item(office.scope, parked["_id"])
    await office.shop.drain()
    assert (await states(office))[1] == ("payment_receipt", "sms", "sent", None)


@pytest.mark.parametrize("point", ["notices.writing", "notices.written", "notices.sending", "notices.sent"])
async def test_p1_a_worker_that_dies_at_any_step_loses_no_notice(office, point):
    await office.set(email_receipts=True)

    class Died(BaseException):
        pass

    def die(_status):
        raise Died

    faultpoints._armed = arm({"FAULT_POINT": point}, die=die)
    with pytest.raises(Died):
        await office.sell()
    faultpoints._armed = None
    await office.shop.drain(after_delays=True)
    got = office.post.box.to(ADDRESS)
    # Only what died between the carrier's answer and our note of it arrives twice, and is known as one.
    assert len(got) == (2 if point == "notices.sent" else 1)
    assert len({mail.headers["message-id"] for mail in got}) == 1
    assert [state for *_, state, _ in await states(office)] == ["sent"]


async def test_nobody_gets_more_of_a_merchant_in_a_day_than_the_bound(office):
    most = MOST_A_DAY[Channel.SMS]
    await queue(office, *(to_asha(number) for number in range(most + 2)))
    await office.shop.drain()
    assert len(office.post.box.to(NUMBER)) == most
    assert [state for *_, state, reason in await states(office) if reason == "too_many"] == ["failed", "failed"]
    office.shop.clock.advance(seconds=86_401)
    await queue(office, to_asha(most + 3))
    await office.shop.drain()
    assert len(office.post.box.to(NUMBER)) == most + 1


async def test_all_short_messages_of_a_merchant_have_a_bound_too(mongodb_url, database_name, post):
    async with stepped(mongodb_url, f"{database_name}-notices", sms_a_day=2, **carriers_of(post)) as shop:
        office = Office(shop, post)
        await queue(office, *(replace(to_asha(number), to=f"+91981234567{number}") for number in range(4)))
        await shop.drain()
    assert post.box.taken == 2


async def test_without_a_carrier_nothing_is_queued_and_whoever_asks_is_told(mongodb_url, database_name):
    async with stepped(mongodb_url, f"{database_name}-notices") as shop:
        answer = await shop.merchant.ask_as_owner("PATCH", MERCHANT, {"notices": {"sms_receipts": True}})
        assert (answer.status, answer.code) == (409, "channel_not_configured")
        assert answer.json["error"]["param"] == "notices.sms_receipts"
        assert (await shop.merchant.ask_as_owner("GET", MERCHANT)).data["notices"]["channels"] == []
        await shop.world.add_dispute(shop.merchant)
        await shop.drain()
        assert await shop.rows("notices") == []
        assert not [row for row in await shop.rows("outbox") if row["name"].startswith("notices.")]


async def test_names_and_texts_of_any_length_and_form_make_one_mail(office):
    await office.shop.merchant.ask_as_owner("PATCH", MERCHANT, {"name": 'A "Shop" <x@y.example>, {merchant} \u202e'})
    await queue(
        office, to_asha(channel=Channel.EMAIL, description="<script>" * 5000, reference="a\r\nBcc: b@c.example")
    )
    await office.shop.drain()
    [mail] = office.post.box.messages
    assert mail.to == ADDRESS
    assert "bcc" not in mail.headers
    assert "<script>" not in mail.html
    assert "{merchant}" in mail.text


async def test_what_was_sealed_with_a_key_that_is_gone_fails_and_is_shown_as_nobody(office):
    await queue(office, to_asha())
    await office.shop.wiring.database.collection("notices").update_many({}, {"$set": {"sealed": "v1.gone.AAAA"}})
    await office.shop.drain()
    assert await states(office) == [("payment_receipt", "sms", "failed", "key_gone")]


def test_a_notice_moves_only_as_the_table_says():
    moves = {(source, target) for source in NoticeState for target in NoticeState if TRANSITIONS.allows(source, target)}
    assert moves == {
        (NoticeState.QUEUED, NoticeState.SENT),
        (NoticeState.QUEUED, NoticeState.FAILED),
        (NoticeState.FAILED, NoticeState.SENT),
    }
