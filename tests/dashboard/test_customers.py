"""People who pay, as the dashboard shows them: listed, found by a form, with their payments, masked for some."""

import asyncio
import secrets

import pytest

from tests.dashboard.browser import SCRIPT

LIST = "/dashboard/customers"
SEARCH = f"{LIST}/search"


def somebody():
    """Return a name that nobody else in the run pays under."""
    number = secrets.randbelow(10**9)
    return {"email": f"asha{number}@example.org", "contact": f"+919{number:09}"}


async def sold(merchant, who, **fields):
    """Let somebody pay, and wait until they are counted; return the payment and our id of the customer."""
    payment = await merchant.create_payment(**fields)
    await merchant.pay(payment, method="card", outcome="success", **who)
    await merchant.wait_for(payment["id"], "completed")
    customers = merchant.world.wiring.customers.customers
    async with asyncio.timeout(15):
        while (found := await customers.find_of_payment(merchant.scope, payment["id"])) is None:
            await asyncio.sleep(0.05)
    return payment, found.id


async def test_whoever_paid_is_listed_found_by_a_form_and_shown_with_their_payments(merchant, owner):
    who = somebody()
    first, customer = await sold(merchant, who, amount=123_456)
    second, _ = await sold(merchant, who, amount=100)
    _, other = await sold(merchant, somebody())
    page = await owner.get(LIST)
    assert [link for link in page.links if "/cus_" in link] == [f"{LIST}/{one}" for one in (other, customer)]
    assert "₹1,235.56" in page.words
    for sought in (who["email"].upper(), f"  {who['contact']} ", who["contact"][3:]):
        found = await owner.send(LIST, SEARCH, sought=sought)
        assert (found.status, found.location) == (303, f"{LIST}/{customer}"), sought
    shown = await owner.get(f"{LIST}/{customer}")
    assert shown.heading == who["email"]
    assert who["contact"] in shown.words
    payments = [f"/dashboard/payments/{payment['id']}" for payment in (second, first)]
    assert [link for link in shown.links if "/pmt_" in link] == payments
    of_payment = await owner.get(payments[0])
    assert f"{LIST}/{customer}" in of_payment.links
    assert who["email"] in of_payment.words


@pytest.mark.parametrize(
    ("sought", "status", "said"),
    [
        ("", 422, "Write a whole e-mail address"),
        ("asha", 422, "Write a whole e-mail address"),
        ("asha@", 422, "Write a whole e-mail address"),
        (SCRIPT, 422, "Write a whole e-mail address"),
        ("@" * 300, 422, "Write a whole e-mail address"),
        ("nobody.at.all@example.org", 200, "Nobody paid with this"),
        ("+919800000001", 200, "Nobody paid with this"),
    ],
)
async def test_a_search_that_finds_nobody_says_so_and_keeps_what_was_written(owner, sought, status, said):
    page = await owner.send(LIST, SEARCH, sought=sought)
    assert (page.status, said in page.words) == (status, True)
    assert page.form(SEARCH).fields["sought"] == sought.strip()
    assert "<script>alert" not in page.text
    assert "No customers in test mode yet" in (await owner.get(LIST)).words


async def test_two_who_share_an_address_are_both_shown(merchant, owner):
    who = somebody()
    made = [(await sold(merchant, {**who, "contact": somebody()["contact"]}))[1] for _ in range(2)]
    page = await owner.send(LIST, SEARCH, sought=who["email"])
    assert page.status == 200
    assert {link for link in page.links if "/cus_" in link} == {f"{LIST}/{customer}" for customer in made}
    assert page.form(SEARCH).fields["sought"] == who["email"]


async def test_s14_a_viewer_finds_whom_they_know_and_reads_a_mask(merchant, team):
    who = somebody()
    payment, customer = await sold(merchant, who)
    for role, is_masked in (("viewer", True), ("developer", False), ("admin", False)):
        assert (await team[role].send(LIST, SEARCH, sought=who["email"])).location == f"{LIST}/{customer}"
        for path in (LIST, f"{LIST}/{customer}", f"/dashboard/payments/{payment['id']}"):
            page = await team[role].get(path)
            assert ("a***@example.org" in page.words) is is_masked, (role, path)
            assert (who["email"] in page.text) is not is_masked, (role, path)
            assert not is_masked or who["contact"] not in page.text, (role, path)


async def test_s13_nothing_of_another_merchants_customers_is_shown_or_found(world, merchant, owner, browsers):
    who = somebody()
    payment, customer = await sold(merchant, who)
    stranger = await browsers()
    await stranger.sign_in((await world.merchant(webhooks=False)).email)
    assert (await stranger.get(f"{LIST}/{customer}")).status == 404
    assert "No customers in test mode yet" in (await stranger.get(f"{LIST}?starting_after={customer}")).words
    assert "Nobody paid with this" in (await stranger.send(LIST, SEARCH, sought=who["email"])).words
    assert who["email"] not in (await stranger.get(f"/dashboard/payments/{payment['id']}")).text
    assert (await owner.get(f"{LIST}/{customer}")).status == 200


async def test_t11_somebody_is_erased_after_a_question_and_is_nowhere_afterwards(merchant, owner, team):
    who = somebody()
    payment, customer = await sold(merchant, who)
    path = f"{LIST}/{customer}"
    assert f"{path}/erase" in (await owner.get(path)).links
    assert f"{path}/erase" not in (await team["developer"].get(path)).links
    question = await owner.get(f"{path}/erase")
    assert question.heading == "Erase this customer?"
    assert who["email"] in question.words
    gone = await owner.follow(await owner.send(f"{path}/erase", f"{path}/erase"))
    assert "The customer is erased." in gone.words
    assert (await owner.get(path)).status == 404
    erasures, worked = merchant.world.wiring.customers.erasing, False
    async with asyncio.timeout(15):
        while not worked:
            worked = (await erasures.get_erasure(merchant.scope, customer)).state.value == "watching"
            await asyncio.sleep(0.05)
    for page in (LIST, f"/dashboard/payments/{payment['id']}"):
        text = (await owner.get(page)).text
        assert not [trace for trace in (who["email"], who["contact"]) if trace in text]


async def test_t11_who_has_an_open_dispute_is_not_erased_and_told_why(world, merchant, owner):
    who = somebody()
    payment, customer = await sold(merchant, who)
    gateway_id = (await merchant.payment(payment["id"]))["payment_id"]
    await world.dispute(merchant, gateway_id)
    path = f"{LIST}/{customer}"
    refused = await owner.send(f"{path}/erase", f"{path}/erase")
    assert "problem=customer_in_dispute" in refused.location
    assert (await owner.get(path)).heading == who["email"]


async def test_t6_a_viewer_sees_an_event_through_a_mask(merchant, team):
    who = somebody()
    await sold(merchant, who)
    listed = "/dashboard/events?type=payment.captured"
    async with asyncio.timeout(15):
        # What sort of event it is is known once it is applied, which may be after its payment is completed.
        while not (events := [link for link in (await team["viewer"].get(listed)).links if "/evt_" in link]):
            await asyncio.sleep(0.05)
    for role, is_masked in (("viewer", True), ("developer", False)):
        event = await team[role].get(events[0])
        assert (who["email"] in event.text) is not is_masked, role
        assert ("Your role shows the people in it shortened." in event.words) is is_masked, role
