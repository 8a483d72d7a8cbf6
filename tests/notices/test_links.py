"""A payment link goes to the customer whom the merchant named: when it is made, and each time it is resent."""

import asyncio

from app.notices.service import MOST_A_DAY
from app.tenants.channels import Channel
from tests.notices.conftest import ASHA
from tests.stepped import stepped

PATH = "/api/v1/payment-links"
NUMBER, ADDRESS = ASHA["contact"], ASHA["email"]
BODY = {"amount": 50_000, "description": "Two tickets", "reference": "invoice-7"}


async def make(shop, **fields):
    return await shop.merchant.ask("POST", PATH, {**BODY, **fields})


async def test_a_link_goes_by_mail_and_sms_to_whom_it_is_for(office):
    answer = await make(office.shop, notify={"email": "Asha.Canary@Example.org", "phone": "98123 45670"})
    assert answer.status == 201, answer.body
    assert answer.data["notify"] == {"email": "a***@example.org", "phone": "+********5670"}
    await office.shop.drain()
    [mail], [text] = office.post.box.to(ADDRESS), office.post.box.to(NUMBER)
    assert mail.subject == "[Test] A Shop asks for ₹500.00"
    assert answer.data["url"] in mail.text
    assert f'href="{answer.data["url"]}"' in mail.html
    assert text.text == f"A Shop asks for ₹500.00. Pay here: {answer.data['url']}"
    kept = str(await office.shop.rows("payment_links")) + str(await office.shop.rows("outbox"))
    assert "canary" not in kept
    assert NUMBER not in kept


async def test_a_link_whose_amount_the_customer_chooses_says_between_what(office):
    await make(office.shop, amount=None, min_amount=10_000, max_amount=100_000, notify={"email": ADDRESS})
    await office.shop.drain()
    [mail] = office.post.box.to(ADDRESS)
    assert "₹100.00\u2013₹1,000.00" in mail.subject


async def test_sending_again_goes_to_the_same_or_to_somebody_else(office):
    link = (await make(office.shop, notify={"email": ADDRESS})).data
    again = await office.shop.merchant.ask("POST", f"{PATH}/{link['id']}/resend")
    assert again.status == 200, again.body
    office.shop.clock.advance(seconds=61)
    other = await office.shop.merchant.ask("POST", f"{PATH}/{link['id']}/resend", {"notify": {"phone": NUMBER}})
    assert other.data["notify"] == {"email": None, "phone": "+********5670"}
    await office.shop.drain()
    assert (len(office.post.box.to(ADDRESS)), len(office.post.box.to(NUMBER))) == (2, 1)
    answers = await asyncio.gather(*(office.shop.merchant.ask("POST", f"{PATH}/{link['id']}/resend") for _ in range(5)))
    assert {answer.status for answer in answers} == {429}


async def test_beyond_the_bound_nothing_is_made_and_the_merchant_is_told(office):
    for _ in range(MOST_A_DAY[Channel.SMS]):
        assert (await make(office.shop, notify={"phone": NUMBER})).status == 201
    refused = await make(office.shop, notify={"phone": NUMBER})
    assert (refused.status, refused.code) == (429, "too_many_notices")
    assert len(await office.shop.rows("payment_links")) == MOST_A_DAY[Channel.SMS]
    await office.shop.drain()
    assert len(office.post.box.to(NUMBER)) == MOST_A_DAY[Channel.SMS]


async def test_what_is_no_address_or_number_is_refused(office):
    for notify in ({}, {"email": "nobody"}, {"phone": "12"}, {"email": f"{ADDRESS}\r\nBcc: x@y.example"}, {"fax": "1"}):
        assert (await make(office.shop, notify=notify)).status == 422, notify


async def test_without_a_carrier_a_link_for_somebody_is_refused_and_one_for_nobody_is_made(mongodb_url, database_name):
    async with stepped(mongodb_url, f"{database_name}-notices") as shop:
        refused = await make(shop, notify={"email": ADDRESS})
        assert (refused.status, refused.code) == (409, "channel_not_configured")
        made = await make(shop)
        assert (made.status, made.data["notify"]) == (201, None)
        assert (await shop.merchant.ask("POST", f"{PATH}/{made.data['id']}/resend")).status == 200
        assert await shop.rows("notices") == []
