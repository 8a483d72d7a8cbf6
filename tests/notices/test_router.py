"""What was sent is listed for the merchant whose it is, with recipients that only those recognise who know them."""

import pytest

from tests.notices.conftest import ASHA

PATH = "/api/v1/notices"


async def test_notices_are_listed_newest_first_masked_and_by_what_is_asked_for(office):
    await office.set(email_receipts=True, sms_receipts=True)
    office.post.box.sms_answers.append(400)
    payment = await office.sell()
    answer = await office.shop.merchant.ask("GET", PATH)
    assert ASHA["email"] not in answer.body.decode()
    assert ASHA["contact"] not in answer.body.decode()
    rows = {row["channel"]: row for row in answer.data["items"]}
    assert rows["email"] | {"created_at": None, "updated_at": None, "sent_at": None} == {
        "id": rows["email"]["id"], "kind": "payment_receipt", "channel": "email", "subject": payment["id"],
        "recipient": "a***@example.org", "state": "sent", "tries": 1, "reason": None, "carrier_id": None,
        "livemode": False, "created_at": None, "updated_at": None, "sent_at": None,
    }  # fmt: skip
    assert (rows["sms"]["state"], rows["sms"]["reason"]) == ("failed", "status_400")
    for query, channels in (
        ("?state=failed", ["sms"]), ("?channel=email", ["email"]), ("?kind=refund_receipt", []),
        (f"?subject={payment['id']}&state=sent", ["email"]),
    ):  # fmt: skip
        found = await office.shop.merchant.ask("GET", f"{PATH}{query}")
        assert [row["channel"] for row in found.data["items"]] == channels, query
    first = await office.shop.merchant.ask("GET", f"{PATH}?limit=1")
    assert first.data["has_more"]
    one = await office.shop.merchant.ask("GET", f"{PATH}/{rows['sms']['id']}")
    assert one.data == rows["sms"]


async def test_s13_another_merchants_notice_is_not_there(office):
    notice_id = await office.shop.world.add_notice(office.shop.merchant)
    other = await office.shop.world.merchant(webhooks=False)
    answer = await other.ask("GET", f"{PATH}/{notice_id}")
    assert (answer.status, answer.code) == (404, "notice_not_found")
    assert (await other.ask("GET", PATH)).data["items"] == []


@pytest.mark.parametrize("query", ["state=done", "kind=", "channel=fax", "subject=%7B%22$ne%22:1%7D", "to=x"])
async def test_n4_a_filter_that_says_nothing_sensible_is_refused(office, query):
    answer = await office.shop.merchant.ask("GET", f"{PATH}?{query}")
    assert (answer.status, answer.code) == (422, "validation_failed")
