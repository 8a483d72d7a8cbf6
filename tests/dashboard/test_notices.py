"""Mail and SMS as the dashboard shows them: switched on, sent with a link, listed, with why one was not sent."""

import re

import pytest

from app.dashboard.notices import KINDS, REASONS, reason_of
from app.notices.models import NoticeKind
from tests.dashboard.browser import SCRIPT
from tests.house.sources import ROOT
from tests.notices.conftest import ASHA, Office, carriers_of
from tests.notices.post import listening
from tests.stepped import stepped

LIST = "/dashboard/notices"
SETTINGS = "/dashboard/settings"
SWITCHES = f"{SETTINGS}/notices"
NEW = "/dashboard/links/new"
MASKED = ("a***@example.org", "+********5670")


@pytest.fixture
async def office(mongodb_url, database_name):
    """A product of its own whose mail and short messages go to a postbox."""
    async with listening() as post, stepped(mongodb_url, f"{database_name}-dashboard", **carriers_of(post)) as shop:
        yield Office(shop, post)


@pytest.fixture
async def boss(office, browsers):
    """A browser in which the owner of the shop with the postbox is signed in."""
    browser = await browsers(office.shop.world.url)
    assert (await browser.sign_in(office.shop.merchant.email)).status == 303
    return browser


def listed(page):
    """Return the pages of the notices that a list shows."""
    return re.findall(rf'href="({LIST}/ntc_\w+)"', page.text)


async def kept(merchant):
    return (await merchant.ask_as_owner("GET", "/api/v1/merchant")).data["notices"]


async def test_switches_turn_notices_on_and_off(office, boss):
    form = (await boss.get(SETTINGS)).form(SWITCHES)
    assert {"team": "yes"}.items() <= form.fields.items()
    assert "email_receipts" not in form.fields
    saved = await boss.follow(
        await boss.send(SETTINGS, SWITCHES, email_receipts="yes", sms_receipts="yes", language="hi")
    )
    assert "The settings are saved." in saved.words
    expected = {"team": True, "email_receipts": True, "sms_receipts": True, "language": "hi"}
    assert expected.items() <= (await kept(office.shop.merchant)).items()
    form = saved.form(SWITCHES)
    off = {name: value for name, value in form.fields.items() if name not in {"team", "sms_receipts"}}
    await boss.follow(await boss.ask("POST", SWITCHES, off | {"language": "nonsense"}))
    expected |= {"team": False, "sms_receipts": False}
    assert expected.items() <= (await kept(office.shop.merchant)).items()


async def test_without_a_carrier_switches_and_fields_are_disabled_and_say_why(merchant, owner, team):
    before = await kept(merchant)
    page = await owner.get(SETTINGS)
    assert page.text.count(" disabled aria-describedby=") == 3
    assert "no carrier for e-mail" in page.words
    assert "no carrier for SMS" in page.words
    # A form that was made up changes nothing that could not be sent.
    saved = await owner.send(SETTINGS, SWITCHES, email_receipts="yes", sms_receipts="yes")
    assert "settings_changed" in saved.location
    assert await kept(merchant) == before
    assert "no carrier for e-mail" in (await team["viewer"].get(SETTINGS)).words
    form = await owner.get(NEW)
    assert "no carrier for SMS" in form.words
    assert not {"email", "phone"} & form.form(NEW).fields.keys()
    assert "no carrier for e-mail or SMS" in (await owner.get(LIST)).words


async def test_a_link_goes_to_whom_the_form_names_and_again_by_its_button(office, boss):
    fields = {"amount": "500", "email": "Asha.Canary@Example.org", "phone": "98123 45670"}
    made = await boss.follow(await boss.send(NEW, NEW, **fields))
    path = made.url.partition("?")[0]
    assert "on its way to your customer" in made.words
    assert all(one in made.words for one in MASKED)
    assert "Send again by e-mail and SMS" in made.words
    question = await boss.get(f"{path}/resend")
    assert " and ".join(MASKED) in question.words
    again = await boss.follow(await boss.send(f"{path}/resend", f"{path}/resend"))
    assert "on its way to your customer again" in again.words
    await office.shop.drain()
    assert (len(office.post.box.to(ASHA["email"])), len(office.post.box.to(ASHA["contact"]))) == (2, 2)
    became = await boss.get(next(link for link in again.links if link.startswith(f"{LIST}?subject=")))
    assert len(listed(became)) == 4
    for page in (made, question, again, became):
        assert ASHA["contact"] not in page.text
        assert "canary" not in page.text


async def test_a_link_beyond_the_bound_is_refused_beside_the_number(office, boss):
    for _ in range(10):
        assert (await boss.send(NEW, NEW, amount="5", phone=ASHA["contact"])).status == 303
    refused = await boss.send(NEW, NEW, amount="5", phone=ASHA["contact"])
    assert refused.status == 422
    assert "as many messages as may be sent in 24 hours" in refused.words
    assert re.search(r'name="phone"[^>]*aria-invalid="true"', refused.text)
    assert refused.form(NEW).fields["phone"] == ASHA["contact"]


async def test_notices_are_listed_filtered_and_shown_with_why_one_was_not_sent(office, boss):
    await office.set(email_receipts=True, sms_receipts=True)
    office.post.box.sms_answers.append(400)
    payment = await office.sell()
    everything = await boss.get(LIST)
    assert len(listed(everything)) == 2
    assert all(one in everything.words for one in MASKED)
    for query, count in (
        ("state=failed", 1), ("state=sent&channel=email", 1), ("channel=sms&kind=payment_receipt", 1),
        ("kind=dispute_opened", 0), (f"subject={payment['id']}", 2), ("subject=pmt_1", 0), ("state=nonsense", 2),
    ):  # fmt: skip
        assert len(listed(await boss.get(f"{LIST}?{query}"))) == count, query
    assert "Nothing fits" in (await boss.get(f"{LIST}?state=queued")).words
    [failed] = listed(await boss.get(f"{LIST}?state=failed"))
    shown = await boss.get(failed)
    assert shown.heading == "Receipt of a payment"
    assert "The SMS service answered with the status 400." in shown.words
    assert "is not tried again by itself" in shown.words
    assert MASKED[1] in shown.words
    assert f"/dashboard/payments/{payment['id']}" in shown.links
    [sent] = listed(await boss.get(f"{LIST}?state=sent"))
    assert "Whether it was read nobody knows" in (await boss.get(sent)).words
    for page in (everything, shown):
        assert ASHA["email"] not in page.text
        assert ASHA["contact"] not in page.text


async def test_a_notice_that_waits_says_that_it_is_tried_again(office, boss):
    office.post.box.sms_answers.append(503)
    await boss.send(NEW, NEW, amount="5", phone=ASHA["contact"])
    [waiting] = listed(await boss.get(f"{LIST}?state=queued"))
    assert "waits to be handed to the carrier" in (await boss.get(waiting)).words
    await office.shop.drain()
    tried = await boss.get(waiting)
    assert "It is tried again by itself" in tried.words
    assert "answered with the status 503" in tried.words


async def test_the_list_is_walked_through_in_both_directions(world, merchant, owner):
    made = [f"{LIST}/{await world.add_notice(merchant)}" for _ in range(27)]
    first = await owner.get(f"{LIST}?state=sent")
    older = next(link for link in first.links if "starting_after" in link)
    assert "state=sent" in older
    second = await owner.get(older)
    assert listed(first) + listed(second) == made[::-1]
    newer = next(link for link in second.links if "ending_before" in link)
    assert listed(await owner.get(newer)) == listed(first)


async def test_s13_another_merchants_notices_are_not_there(world, merchant, owner, browsers):
    path = f"{LIST}/{await world.add_notice(merchant)}"
    stranger = await browsers()
    await stranger.sign_in((await world.merchant(webhooks=False)).email)
    assert (await owner.get(path)).status == 200
    assert (await stranger.get(path)).status == 404
    for query in ("", "?subject=pmt_1", f"?ending_before={path.rpartition('/')[2]}"):
        assert listed(await stranger.get(f"{LIST}{query}")) == [], query
    await owner.send("/dashboard", "/dashboard/mode", mode="live")
    assert (await owner.get(path)).status == 404


async def test_s12_a_script_in_a_filter_is_shown_and_not_run(owner):
    page = await owner.get(f"{LIST}?subject={SCRIPT}&state={SCRIPT}&kind={SCRIPT}&channel={SCRIPT}")
    assert (page.status, "<script>alert" in page.text) == (200, False)


def test_every_kind_and_every_reason_has_words():
    assert set(KINDS) == set(NoticeKind)
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "app/notices").glob("*.py")]
    given = {code for text in sources for code in re.findall(r'(?:Refused|NotTaken)\("(\w+)"', text)}
    # One is chosen between two in the same call.
    assert given | {"tls_failed", "connection_failed", "too_many"} == set(REASONS)
    assert reason_of("smtp_550") == "The mail server answered with the code 550."
    assert reason_of("moon_is_full") == "Moon is full"
