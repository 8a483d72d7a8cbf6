"""Journeys at the dashboard with payment links: made, opened by a customer, paid, sent again, ended."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.dashboard.browser import SCRIPT

LIST = "/dashboard/links"
NEW = f"{LIST}/new"


async def made(browser, **fields):
    """Make a link; return its page's path."""
    answer = await browser.send(NEW, NEW, **{"amount": "1,250.50", **fields})
    assert answer.status == 303, answer.words
    return answer.location.partition("?")[0]


def public(page):
    """Return the path that a customer opens."""
    return next(link for link in page.links if link.startswith("/l/") and not link.endswith("/print"))


async def test_a_link_is_made_opened_paid_and_its_payment_shown(merchant, owner, browsers):
    path = await made(owner, description="Two tickets", reference="inv-7")
    page = await owner.get(path)
    assert page.heading == "₹1,250.50"
    assert "Active" in page.words
    assert "Nobody has opened it" in page.words
    assert (await owner.get(f"{public(page)}/qr.svg")).headers["Content-Type"] == "image/svg+xml"
    assert f'src="{public(page)}/qr.svg"' in page.text
    customer = await browsers()
    opened = await customer.send(public(page), public(page))
    payment_id = opened.location.rpartition("/")[2].partition(".")[0]
    payment = await merchant.payment(payment_id)
    await merchant.pay(payment, method="card", outcome="success")
    await merchant.wait_for(payment_id, "completed")
    paid = await owner.get(path)
    assert "Paid" in paid.words
    assert f"/dashboard/payments/{payment_id}" in paid.links
    assert path in (await owner.get(f"/dashboard/payments/{payment_id}")).links
    assert not [link for link in paid.links if link.startswith(f"{path}/")]
    assert path in (await owner.get(f"{LIST}?reference=inv-7")).links
    assert "Nothing fits" in (await owner.get(f"{LIST}?reference=inv-8")).words


async def test_a_link_with_bounds_and_a_last_day_may_be_paid_often(merchant, owner):
    day = datetime.now(UTC) + timedelta(days=3)
    fields = {"kind": "chosen", "min_amount": "100", "max_amount": "1,00,000", "currency": "inr", "often": "many"}
    path = await made(owner, last_day=f"{day:%Y-%m-%d}", **fields)
    shown = (await merchant.ask("GET", f"/api/v1/payment-links/{path.rpartition('/')[2]}")).data
    assert (shown["amount"], shown["min_amount"], shown["max_amount"]) == (None, 10_000, 1_00_000_00)
    assert (shown["reusable"], shown["currency"]) == (True, "INR")
    assert shown["expires_at"] == f"{day + timedelta(days=1):%Y-%m-%d}T00:00:00.000Z"
    assert (await owner.get(path)).heading == "₹100.00 to ₹1,00,000.00"
    for status, is_there in (("active", True), ("expired", False), ("nonsense", True)):
        assert (path in (await owner.get(f"{LIST}?status={status}")).links) is is_there, status


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"amount": ""}, "Write an amount such as 250.00."),
        ({"amount": "0"}, "Write an amount such as 250.00."),
        ({"amount": "0.50"}, "The processor does not take this amount."),
        ({"amount": "1.234"}, "Write an amount such as 250.00."),
        ({"kind": "chosen", "min_amount": "5", "max_amount": "x"}, "Write an amount such as 250.00."),
        ({"kind": "chosen", "min_amount": "5", "max_amount": "5"}, "It must be more than the least."),
        ({"amount": "5", "currency": "XXX"}, "Write a currency"),
        ({"amount": "5", "description": "x" * 256}, "At most 255 letters."),
        ({"amount": "5", "reference": "x" * 65}, "At most 64 letters."),
        ({"amount": "5", "last_day": "soon"}, "Choose a day, or none."),
        ({"amount": "5", "last_day": "2020-01-01"}, "expires at least 15 minutes"),
        ({"amount": "5", "email": "asha"}, "Write a whole e-mail address, or none."),
        ({"amount": "5", "phone": "12"}, "Write a whole telephone number such as +91 98123 45670, or none."),
        ({"amount": "5", "email": "asha@example.org"}, "e-mail needs MAIL_URL"),
        ({"amount": "5", "phone": "+919812345670"}, "SMS needs SMS_URL"),
    ],
)
async def test_what_is_wrong_with_a_new_link_is_said_beside_its_field(owner, fields, said):
    refused = await owner.send(NEW, NEW, **fields)
    assert refused.status == 422
    assert said in refused.words
    assert 'aria-invalid="true"' in refused.text
    kept = refused.form(NEW).fields
    # Nobody can write into the fields of a way that has no carrier; whoever sends them all the same is told.
    assert {name: kept[name] for name in fields if name in kept} == {
        name: value for name, value in fields.items() if name not in {"email", "phone"}
    }
    assert "No payment links in test mode yet" in (await owner.get(LIST)).words


async def test_a_link_is_sent_again_once_a_minute_and_cancelled_for_good(owner):
    path = await made(owner)
    resend, cancel = f"{path}/resend", f"{path}/cancel"
    assert "Let your systems send it again" in (await owner.get(path)).words
    question = await owner.get(resend)
    assert "payment_link.resent" in question.words
    assert "Nothing goes out from here" in question.words
    sent = await owner.follow(await owner.send(resend, resend))
    assert "told to send the link again" in sent.words
    assert "Sent again" in sent.words
    assert "problem=payment_link_too_often" in (await owner.send(resend, resend)).location
    question = await owner.get(cancel)
    assert "₹1,250.50" in question.words
    assert "can't be taken back" in question.words
    ended = await owner.follow(await owner.send(cancel, cancel))
    assert "The link is cancelled." in ended.words
    assert not [link for link in ended.links if link.startswith(f"{path}/")]
    assert "problem=payment_link_closed" in (await owner.send(cancel, cancel)).location


async def test_s13_nothing_of_another_merchants_links_is_shown_or_touched(world, owner, browsers):
    path = await made(owner, reference="only-mine")
    stranger = await browsers()
    await stranger.sign_in((await world.merchant(webhooks=False)).email)
    token = (await stranger.get("/dashboard")).form("/dashboard/mode").fields
    assert "only-mine" not in (await stranger.get(LIST)).text
    assert path not in (await stranger.get(f"{LIST}?reference=only-mine")).links
    for page in (path, f"{path}/resend", f"{path}/cancel"):
        assert (await owner.get(page)).status == 200, page
        assert (await stranger.get(page)).status == 404, page
    for deed in ("resend", "cancel"):
        assert (await stranger.ask("POST", f"{path}/{deed}", token)).status == 404, deed
    assert "Active" in (await owner.get(path)).words


async def test_s12_a_script_in_a_links_texts_is_shown_and_not_run(owner):
    path = await made(owner, description=SCRIPT, reference=SCRIPT[:60])
    for page in (LIST, path, f"{path}/resend", f"{path}/cancel", f"{LIST}?status={SCRIPT}&reference={SCRIPT}"):
        shown = await owner.get(page)
        assert "<script>alert" not in shown.text, page
        assert "<img src=x" not in shown.text, page
    wrong = await owner.send(NEW, NEW, **dict.fromkeys(("amount", "currency", "description", "last_day"), SCRIPT))
    assert (wrong.status, "<script>alert" in wrong.text) == (422, False)


async def test_a_viewer_reads_links_and_is_shown_no_deed(owner, team):
    path = await made(owner)
    viewer = team["viewer"]
    assert not [link for link in (await viewer.get(path)).links if link.startswith(f"{path}/")]
    assert NEW not in (await viewer.get(LIST)).links
