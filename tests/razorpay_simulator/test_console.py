"""The console: a person at this machine sees what happened and decides what happens next; nobody else does."""

import asyncio
import re

import pytest

from razorpay_simulator.pages.console import PATH, ROWS
from tests.razorpay_simulator.browsing import Person

BUTTONS = ("/deliveries/again", "/faults/add", "/faults/remove", "/faults/clear", "/clock/advance", "/clock/freeze")
TABS = ("", "/deliveries", "/faults", "/clock")


@pytest.fixture
def person(call):
    return Person(call)


async def register(call, receiver, *events):
    body = {"url": receiver.url, "secret": "s", "events": list(events), "active": True}
    await call.ok("POST", "/v1/webhooks", body)


@pytest.mark.parametrize("tab", TABS)
async def test_an_empty_console_says_what_to_do_next(person, tab):
    text = await person.open(PATH + tab)
    assert person.status == 200
    assert text.count('aria-current="page"') == 1
    assert len(re.findall("<h1", text)) == 1


async def test_the_newest_facts_come_first_page_by_page(call, person):
    for _ in range(ROWS + 5):
        await call.order()
    text = await person.open(f"{PATH}?kind=order.created")
    numbers = [int(number) for number in re.findall(r'data-label="Nr\.">(\d+)<', text)]
    assert numbers == sorted(numbers, reverse=True)
    assert len(numbers) == ROWS
    (older,) = re.findall(r'href="([^"]*before=[^"]*)"', text)
    rest = await person.open(older.replace("&amp;", "&"))
    assert len(re.findall(r'data-label="Nr\."', rest)) == 5
    assert "before=" not in rest
    assert "order_" in rest


async def test_an_event_is_sent_again(call, person, receiver):
    await register(call, receiver, "payment.captured")
    await call.captured()
    async with asyncio.timeout(60):
        while not receiver.got:
            await asyncio.sleep(0.01)
    await call.advance(0)
    text = await person.open(f"{PATH}/deliveries")
    assert "payment.captured" in text
    assert "delivered" in text
    (event_id,) = re.findall(r'name="event_id" value="(\w+)"', text)
    text = await person.send(f"{PATH}/deliveries/again", event_id=event_id)
    assert person.path == f"{PATH}/deliveries?done=yes"
    assert "Sent again to 1 endpoints." in text
    async with asyncio.timeout(60):
        while len(receiver.got) < 2:
            await asyncio.sleep(0.01)
    assert receiver.got[0][1] == receiver.got[1][1]


async def test_deliveries_have_pages(call, person, receiver):
    await register(call, receiver, "payment.captured", "payment.authorized")
    for _ in range(ROWS // 2 + 1):
        await call.captured()
    await call.advance(0)
    assert "page=1" in await person.open(f"{PATH}/deliveries")
    text = await person.open(f"{PATH}/deliveries?page=1")
    assert text.count("Send again") == 2
    assert "page=2" not in text


async def test_a_fault_is_set_strikes_and_is_removed(call, person):
    form = {"route": "POST /v1/orders", "mode": "error_before", "times": "2", "status": "502", "delay_seconds": ""}
    text = await person.send(f"{PATH}/faults/add", **form)
    assert "error_before now strikes POST /v1/orders." in text
    answer = await call("POST", "/v1/orders", {"amount": 500, "currency": "INR"})
    assert answer.status == 502
    assert 'data-label="Struck">1<' in await person.open(f"{PATH}/faults")
    text = await person.send(f"{PATH}/faults/remove")
    assert "The rule is gone." in text
    await call.order()
    for mode in ("slow", "rate_limit"):
        await person.send(f"{PATH}/faults/add", route="* /v1/*", mode=mode, delay_seconds="1", retry_after="3")
    assert "2 rules are gone." in await person.send(f"{PATH}/faults/clear")
    await call.order()


async def test_the_time_is_moved_stopped_and_let_run(call, person):
    order = await call.order()
    await call.pay(order, method="upi", outcome="failure", late_authorization_after_seconds=3600)
    assert "things happened on the way." in await person.send(f"{PATH}/clock/advance", seconds="86400")
    assert (await call.ok("GET", f"/v1/orders/{order['id']}"))["status"] == "paid"
    assert "stands still" in await person.send(f"{PATH}/clock/freeze", frozen="yes")
    assert (await call.ok("GET", "/_sim/clock"))["frozen"] is True
    assert "The time runs." in await person.send(f"{PATH}/clock/freeze", frozen="no")


@pytest.mark.parametrize(
    ("button", "form"),
    [
        ("/deliveries/again", {"event_id": "none"}),
        ("/faults/add", {"route": "orders", "mode": "slow"}),
        ("/faults/add", {"route": "POST /v1/orders", "mode": "perhaps"}),
        ("/faults/add", {"route": "POST /v1/orders", "mode": "slow", "times": "x"}),
        ("/faults/remove", {"fault_id": "none"}),
        ("/clock/advance", {"seconds": "-5"}),
        ("/clock/advance", {"seconds": "99999999"}),
        ("/clock/advance", {}),
    ],
)
async def test_what_can_not_be_done_is_a_sentence(person, button, form):
    await person.send(PATH + button, **form)
    assert person.status == 400
    assert "<h1" in person.text


@pytest.mark.parametrize("button", BUTTONS)
@pytest.mark.parametrize(
    "headers", [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}, {"Host": "evil.example"}]
)
async def test_another_sites_page_can_press_no_button(call, button, headers):
    stranger = Person(call, headers)
    await stranger.send(PATH + button, seconds="5", frozen="yes", route="* /v1/*", mode="slow")
    assert stranger.status == 403
    assert (await call.ok("GET", "/_sim/faults"))["items"] == []
    assert (await call.ok("GET", "/_sim/clock"))["frozen"] is False


async def test_a_name_that_only_leads_here_shows_nothing(call):
    stranger = Person(call, {"Host": "evil.example"})
    for tab in TABS:
        await stranger.open(PATH + tab)
        assert (stranger.status, "<h1" in stranger.text) == (403, False)


async def test_whatever_an_order_says_is_shown_as_text(call, person):
    await call.order(receipt="<script>alert(1)</script>")
    text = await person.open(PATH)
    assert "<script>alert" not in text
